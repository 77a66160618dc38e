/* Plugins that must be refused: of another PJRT version, too old, failing to start, or
 * (NONE, built with another name for GetPjrtApi) no plugin at all. FAKE picks one. */
#include <pjrt_c_api.h>
#include <stddef.h>

enum { NONE, OTHER_MAJOR, TOO_OLD, FAILS };

static char broken[] = "the fake plugin has no device to offer";

static void message(PJRT_Error_Message_Args *a)
{
	a->message = broken;
	a->message_size = sizeof broken - 1;
}

static PJRT_Error *code(PJRT_Error_GetCode_Args *a)
{
	a->code = PJRT_Error_Code_UNAVAILABLE;
	return NULL;
}

static void destroy(PJRT_Error_Destroy_Args *a) { (void)a; }

static PJRT_Error *initialize(PJRT_Plugin_Initialize_Args *a)
{
	(void)a;
	return (PJRT_Error *)broken;
}

__attribute__((visibility("default"))) const PJRT_Api *GetPjrtApi(void);

const PJRT_Api *GetPjrtApi(void)
{
	static const PJRT_Api api = {
		.struct_size = FAKE == TOO_OLD ? 96 : PJRT_Api_STRUCT_SIZE,
		.pjrt_api_version = { PJRT_Api_Version_STRUCT_SIZE, NULL, FAKE == OTHER_MAJOR ? 7 : PJRT_API_MAJOR, 3 },
		.PJRT_Error_Message = message, .PJRT_Error_GetCode = code, .PJRT_Error_Destroy = destroy,
		.PJRT_Plugin_Initialize = initialize,
	};
	return &api;
}
