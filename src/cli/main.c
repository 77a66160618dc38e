/* torch-stablehlo: PyTorch exported programs to StableHLO, and on to a device, from the command line. */
#include <string.h>

#include "cli.h"

const char tool_name[] = "torch-stablehlo";

static const Command *const commands[] = { &convert_command, &run_command, &compile_command, &verify_command, &inspect_command, &opt_command, &diff_command };
enum { NCOMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
	printf("usage: torch-stablehlo COMMAND [options] FILE\n"
		"       torch-stablehlo --help | --version\n\n"
		"PyTorch exported programs (.pt2, written by torch.export.save) to StableHLO, and\non to an XLA device.\n\n");
	for (int i = 0; i < NCOMMANDS; i++) printf("  %-10s%s\n", commands[i]->name, commands[i]->summary);
	printf("\n'torch-stablehlo COMMAND --help' tells the options of a command.\n\n%s", exit_codes_help);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help();
		return finish(EXIT_GOOD);
	}
	if (!strcmp(name, "--version")) return print_version();
	for (int i = 0; i < NCOMMANDS; i++)
		if (!strcmp(name, commands[i]->name)) return run_command_line(commands[i], argc - 2, argv + 2);
	if (!*name) return complain(EXIT_USAGE, "no command is given; see 'torch-stablehlo --help'");
	return complain(EXIT_USAGE, "no such command: %s; see 'torch-stablehlo --help'", name);
}
