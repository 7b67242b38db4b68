/* The handlers of the command table, a file per family. */
#pragma once

struct cli;
struct arguments;

/* share.c */
int verb_share(struct cli *cli, const struct arguments *arguments);
int verb_upload(struct cli *cli, const struct arguments *arguments);
int verb_unshare(struct cli *cli, const struct arguments *arguments);
/* get.c */
int verb_get(struct cli *cli, const struct arguments *arguments);
int verb_download(struct cli *cli, const struct arguments *arguments);
/* search.c */
int verb_search(struct cli *cli, const struct arguments *arguments);
/* listing.c */
int verb_ls(struct cli *cli, const struct arguments *arguments);
int verb_shares(struct cli *cli, const struct arguments *arguments);
/* transfer.c */
int verb_info(struct cli *cli, const struct arguments *arguments);
int verb_files(struct cli *cli, const struct arguments *arguments);
int verb_peers(struct cli *cli, const struct arguments *arguments);
int verb_pieces(struct cli *cli, const struct arguments *arguments);
/* change.c */
int verb_pause(struct cli *cli, const struct arguments *arguments);
int verb_resume(struct cli *cli, const struct arguments *arguments);
int verb_move(struct cli *cli, const struct arguments *arguments);
int verb_rm(struct cli *cli, const struct arguments *arguments);
int verb_verify(struct cli *cli, const struct arguments *arguments);
/* limit.c */
int verb_schedule_add(struct cli *cli, const struct arguments *arguments);
int verb_schedule_ls(struct cli *cli, const struct arguments *arguments);
int verb_schedule_rm(struct cli *cli, const struct arguments *arguments);
int verb_limit(struct cli *cli, const struct arguments *arguments);
/* torrent.c */
int verb_torrent_create(struct cli *cli, const struct arguments *arguments);
int verb_torrent_show(struct cli *cli, const struct arguments *arguments);
int verb_torrent_link(struct cli *cli, const struct arguments *arguments);
int verb_torrent_edit(struct cli *cli, const struct arguments *arguments);
int verb_torrent_verify(struct cli *cli, const struct arguments *arguments);
/* network.c, node.c */
int verb_join(struct cli *cli, const struct arguments *arguments);
int verb_node_status(struct cli *cli, const struct arguments *arguments);
int verb_node_table(struct cli *cli, const struct arguments *arguments);
int verb_node_ping(struct cli *cli, const struct arguments *arguments);
int verb_node_find(struct cli *cli, const struct arguments *arguments);
/* bootstrap.c */
int verb_bootstrap_ls(struct cli *cli, const struct arguments *arguments);
int verb_bootstrap_add(struct cli *cli, const struct arguments *arguments);
int verb_bootstrap_rm(struct cli *cli, const struct arguments *arguments);
int verb_bootstrap_reset(struct cli *cli, const struct arguments *arguments);
/* user.c */
int verb_user_create(struct cli *cli, const struct arguments *arguments);
int verb_user_ls(struct cli *cli, const struct arguments *arguments);
int verb_user_show(struct cli *cli, const struct arguments *arguments);
int verb_user_passwd(struct cli *cli, const struct arguments *arguments);
int verb_user_export(struct cli *cli, const struct arguments *arguments);
int verb_user_import(struct cli *cli, const struct arguments *arguments);
/* login.c */
int verb_login(struct cli *cli, const struct arguments *arguments);
int verb_logout(struct cli *cli, const struct arguments *arguments);
int verb_whoami(struct cli *cli, const struct arguments *arguments);
/* group.c */
int verb_group_create(struct cli *cli, const struct arguments *arguments);
int verb_group_ls(struct cli *cli, const struct arguments *arguments);
int verb_group_show(struct cli *cli, const struct arguments *arguments);
int verb_group_join(struct cli *cli, const struct arguments *arguments);
int verb_group_leave(struct cli *cli, const struct arguments *arguments);
int verb_group_files(struct cli *cli, const struct arguments *arguments);
/* group_owner.c */
int verb_group_requests(struct cli *cli, const struct arguments *arguments);
int verb_group_accept(struct cli *cli, const struct arguments *arguments);
int verb_group_reject(struct cli *cli, const struct arguments *arguments);
int verb_group_remove(struct cli *cli, const struct arguments *arguments);
int verb_group_rotate(struct cli *cli, const struct arguments *arguments);
int verb_group_invite(struct cli *cli, const struct arguments *arguments);
/* shell.c */
int verb_shell(struct cli *cli, const struct arguments *arguments);
/* program.c */
int verb_daemon(struct cli *cli, const struct arguments *arguments);
int verb_start(struct cli *cli, const struct arguments *arguments);
int verb_stop(struct cli *cli, const struct arguments *arguments);
int verb_status(struct cli *cli, const struct arguments *arguments);
int verb_version(struct cli *cli, const struct arguments *arguments);
int verb_help(struct cli *cli, const struct arguments *arguments);
/* logs.c */
int verb_logs(struct cli *cli, const struct arguments *arguments);
/* settings.c */
int verb_config_get(struct cli *cli, const struct arguments *arguments);
int verb_config_set(struct cli *cli, const struct arguments *arguments);
int verb_config_unset(struct cli *cli, const struct arguments *arguments);
int verb_config_ls(struct cli *cli, const struct arguments *arguments);
int verb_config_edit(struct cli *cli, const struct arguments *arguments);
int verb_config_check(struct cli *cli, const struct arguments *arguments);
int verb_config_path(struct cli *cli, const struct arguments *arguments);
