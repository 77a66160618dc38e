/* Models as TensorFlow SavedModels. */
#include "api/api.h"

bool tshlo_save_saved_model(tshlo_model *m, const char *dir, const tshlo_saved_model_options *opt, tshlo_error *e)
{
	ERR(e, false);
	(void)opt;
	return m && given(dir, "directory", err) && fail(err, UNSUPPORTED, "SavedModels are not written yet");
}
