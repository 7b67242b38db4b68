/* get --verify-only: is what lies here what the link means? */
#pragma once

struct cli;
struct arguments;

int verify_only(struct cli *cli, const struct arguments *arguments);
