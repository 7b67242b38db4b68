/* The command table: cli-design section 2. A line of `detail` has at most 80 columns. */
#include "cli/command.h"
#include "cli/verbs.h"

const struct flag global_flags[] = {
    {"json", 0, FLAG_SWITCH, NULL, "the answer as JSON on stdout, failures too"},
    {"quiet", 'q', FLAG_SWITCH, NULL, "no notes, no progress"},
    {"verbose", 'v', FLAG_SWITCH, NULL, "say more; twice: still more"},
    {"profile", 0, FLAG_TEXT, "NAME", "another node with files and port of its own"},
    {"socket", 0, FLAG_PATH, "PATH", "the daemon's control socket"},
    {"no-autostart", 0, FLAG_SWITCH, NULL, "do not start a daemon when none is there"},
    {"timeout", 0, FLAG_DURATION, "D", "the whole command ends by then, status 4"},
    {"color", 0, FLAG_CHOICE, "auto|always|never", "colours on a terminal"},
    {"yes", 'y', FLAG_SWITCH, NULL, "do not ask"},
    {"version", 0, FLAG_SWITCH, NULL, "print the version"},
    {"help", 'h', FLAG_SWITCH, NULL, "this, one screen"},
    {0},
};

static const struct flag no_flags[] = {{0}};

static const struct flag share_flags[] = {
    {"name", 0, FLAG_TEXT, "NAME", "share under another name"},
    {"unlisted", 0, FLAG_SWITCH, NULL, "by link only, not findable by name"},
    {"group", 0, FLAG_TEXT, "G", "to the members of that group alone"},
    {"piece-size", 0, FLAG_SIZE, "SIZE", "a power of two from 16K to 64M"},
    {"out", 0, FLAG_PATH, "F.torrent", "write a .torrent file too"},
    {"comment", 0, FLAG_TEXT, "TEXT", "in that .torrent file"},
    {"no-announce", 0, FLAG_SWITCH, NULL, "tell no node of it"},
    {"exclude", 0, FLAG_TEXT, "GLOB", "leave files out; may come many times"},
    {"wait-first-peer", 0, FLAG_SWITCH, NULL, "return when a peer has fetched all of it"},
    {"sha1", 0, FLAG_SWITCH, NULL, "print what sha1sum would; a long file takes longer"},
    {"qr", 0, FLAG_SWITCH, NULL, "show the link as a QR code too"},
    {0},
};

static const struct flag upload_flags[] = {
    {"name", 0, FLAG_TEXT, "NAME", "share under another name"},
    {"piece-size", 0, FLAG_SIZE, "SIZE", "a power of two from 16K to 64M"},
    {"exclude", 0, FLAG_TEXT, "GLOB", "leave files out; may come many times"},
    {0},
};

static const struct flag unshare_flags[] = {
    {"group", 0, FLAG_TEXT, "G", "ID is a file of that group"},
    {0},
};

static const struct flag get_flags[] = {
    {"output", 'o', FLAG_PATH, "DIR|FILE|-", "where it goes ('-': stdout); else as configured"},
    {"detach", 'd', FLAG_SWITCH, NULL, "print the id and return, fetch in the background"},
    {"follow", 'w', FLAG_SWITCH, NULL, "wait for its end; the shell does not without it"},
    {"wait", 0, FLAG_DURATION, "TIME", "how long without any source (60s)"},
    {"select", 0, FLAG_TEXT, "LIST|GLOB", "these files alone; may come many times"},
    {"sequential", 0, FLAG_SWITCH, NULL, "fetch it from the first piece to the last"},
    {"from", 0, FLAG_ADDRESS, "HOST:PORT", "a peer that has it; may come many times"},
    {"limit", 0, FLAG_SIZE, "RATE", "fetch at most so much a second: 500K, 2M"},
    {"no-seed", 0, FLAG_SWITCH, NULL, "do not share it once it is complete"},
    {"ratio", 0, FLAG_RATIO, "R", "share until it was sent R times; 0: no such end"},
    {"force", 0, FLAG_SWITCH, NULL, "replace a different file of that name"},
    {"verify-only", 0, FLAG_SWITCH, NULL, "fetch nothing: is what lies there this?"},
    {"progress", 0, FLAG_CHOICE, "auto|bar|lines|none", "how progress is shown"},
    {0},
};

static const struct flag download_flags[] = {
    {"output", 'o', FLAG_PATH, "DIR|FILE|-", "where it goes ('-': stdout); else as configured"},
    {"detach", 'd', FLAG_SWITCH, NULL, "print the id and return, fetch in the background"},
    {"follow", 'w', FLAG_SWITCH, NULL, "wait for its end; the shell does not without it"},
    {"wait", 0, FLAG_DURATION, "TIME", "how long without any source (60s)"},
    {"limit", 0, FLAG_SIZE, "RATE", "fetch at most so much a second: 500K, 2M"},
    {"no-seed", 0, FLAG_SWITCH, NULL, "do not share it once it is complete"},
    {"ratio", 0, FLAG_RATIO, "R", "share until it was sent R times; 0: no such end"},
    {"force", 0, FLAG_SWITCH, NULL, "replace a different file of that name"},
    {"progress", 0, FLAG_CHOICE, "auto|bar|lines|none", "how progress is shown"},
    {0},
};

static const struct flag search_flags[] = {
    {"min-size", 0, FLAG_SIZE, "SIZE", "nothing smaller"},
    {"type", 0, FLAG_TEXT, "EXT", "names that end so: pdf"},
    {"limit", 0, FLAG_NUMBER, "N", "at most so many results"},
    {"wait", 0, FLAG_DURATION, "TIME", "how long to ask around (10s)"},
    {0},
};

static const struct flag ls_flags[] = {
    {"state", 0, FLAG_CHOICE,
     "searching|metadata|queued|downloading|verifying|sharing|paused|complete|no_space|"
     "missing_files|error",
     "in that state only"},
    {"group", 0, FLAG_TEXT, "G", "of that group only"},
    {"downloads", 0, FLAG_SWITCH, NULL, "what is fetched, a short line each"},
    {"sort", 0, FLAG_CHOICE, "id|name|state|size|down|up|ratio", "the order of the rows"},
    {0},
};

static const struct flag all_flag[] = {
    {"all", 0, FLAG_SWITCH, NULL, "every transfer"},
    {0},
};

static const struct flag limit_flags[] = {
    {"down", 0, FLAG_SIZE, "RATE", "fetch at most so much a second; 0: no limit"},
    {"up", 0, FLAG_SIZE, "RATE", "send at most so much a second; 0: no limit"},
    {"peers", 0, FLAG_NUMBER, "N", "connections to peers at most; 0: no limit"},
    {"lan", 0, FLAG_CHOICE, "yes|no", "limit peers on the local network, too"},
    {0},
};

static const struct flag schedule_flags[] = {
    {"down", 0, FLAG_SIZE, "RATE", "fetch at most so much a second; 0: no limit"},
    {"up", 0, FLAG_SIZE, "RATE", "send at most so much a second; 0: no limit"},
    {"peers", 0, FLAG_NUMBER, "N", "connections to peers at most; 0: no limit"},
    {0},
};

static const struct flag rm_flags[] = {
    {"data", 0, FLAG_SWITCH, NULL, "delete its files too; asks first, or -y"},
    {0},
};

static const struct flag create_flags[] = {
    {"out", 0, FLAG_PATH, "F", "the file to write, '-' for stdout (NAME.torrent)"},
    {"piece-size", 0, FLAG_SIZE, "SIZE", "a power of two from 16K to 64M"},
    {"private", 0, FLAG_SWITCH, NULL, "peers come from trackers alone"},
    {"comment", 0, FLAG_TEXT, "TEXT", "kept in the file"},
    {"tracker", 0, FLAG_TEXT, "URL", "for programs that ask one; may come many times"},
    {"force", 0, FLAG_SWITCH, NULL, "replace an existing file"},
    {0},
};

static const struct flag edit_flags[] = {
    {"tracker", 0, FLAG_TEXT, "URL", "add a tracker; may come many times"},
    {"rm-tracker", 0, FLAG_TEXT, "URL|all", "take one out; may come many times"},
    {"comment", 0, FLAG_TEXT, "TEXT", "in place of the one there is; '': none"},
    {"out", 0, FLAG_PATH, "F", "write that file, '-' for stdout; else F itself"},
    {"force", 0, FLAG_SWITCH, NULL, "--out may replace an existing file"},
    {0},
};

static const struct flag link_flags[] = {
    {"peer", 0, FLAG_ADDRESS, "HOST:PORT", "a peer the link names; may come many times"},
    {0},
};

static const struct flag join_flags[] = {
    {"wait", 0, FLAG_DURATION, "TIME", "how long to wait for an answer (10s)"},
    {0},
};

static const struct flag find_flags[] = {
    {"key", 0, FLAG_TEXT, "TEXT", "look for the key of a name instead"},
    {0},
};

#define PASSWORD_FLAGS                                                                             \
    {"password-file", 0, FLAG_PATH, "F", "its first line is the password"},                        \
    {                                                                                              \
        "password-fd", 0, FLAG_NUMBER, "N", "the same from a descriptor"                           \
    }

static const struct flag user_create_flags[] = {
    PASSWORD_FLAGS,
    {"remember", 0, FLAG_SWITCH, NULL, "stay logged in over restarts of the daemon"},
    {0},
};

static const struct flag login_flags[] = {
    PASSWORD_FLAGS,
    {"remember", 0, FLAG_SWITCH, NULL, "stay logged in over restarts of the daemon"},
    {"use-backup", 0, FLAG_SWITCH, NULL, "the keystore is damaged: take its backup"},
    {0},
};

static const struct flag user_passwd_flags[] = {
    PASSWORD_FLAGS,
    {"new-password-file", 0, FLAG_PATH, "F", "its first line is the new one"},
    {"new-password-fd", 0, FLAG_NUMBER, "N", "the same from a descriptor"},
    {0},
};

static const struct flag user_export_flags[] = {
    {"user", 0, FLAG_TEXT, "NAME", "which user; else who is logged in"},
    {"force", 0, FLAG_SWITCH, NULL, "replace an existing file"},
    {0},
};

static const struct flag user_import_flags[] = {
    PASSWORD_FLAGS,
    {"force", 0, FLAG_SWITCH, NULL, "replace a user of that name"},
    {0},
};

static const struct flag people_wait_flags[] = {
    {"wait", 0, FLAG_DURATION, "TIME", "how long to wait for the network (10s)"},
    {0},
};

static const struct flag group_create_flags[] = {
    {"about", 0, FLAG_TEXT, "T", "a line on what it is for"},
    {"unlisted", 0, FLAG_SWITCH, NULL, "not in anybody's list of groups"},
    {"invite-only", 0, FLAG_SWITCH, NULL, "nobody can ask to join"},
    {"history", 0, FLAG_SWITCH, NULL, "newcomers see what was there before them"},
    {"expires", 0, FLAG_DURATION, "D", "how long it stands without its owner (30d)"},
    {"wait", 0, FLAG_DURATION, "TIME", "how long to wait for the network (10s)"},
    {0},
};

static const struct flag group_ls_flags[] = {
    {"own", 0, FLAG_SWITCH, NULL, "only those we are in; asks nobody"},
    {"wait", 0, FLAG_DURATION, "TIME", "how long to ask around (10s)"},
    {0},
};

static const struct flag group_join_flags[] = {
    {"note", 0, FLAG_TEXT, "T", "what the owner reads with the request"},
    {"wait", 0, FLAG_DURATION, "TIME", "how long to wait for an answer (30s)"},
    {0},
};

static const struct flag group_leave_flags[] = {
    {"transfer", 0, FLAG_TEXT, "USER", "who owns it then; an owner has to say"},
    {0},
};

static const struct flag group_decide_flags[] = {
    {"all", 0, FLAG_SWITCH, NULL, "every request that waits"},
    {0},
};

static const struct flag group_invite_flags[] = {
    {"uses", 0, FLAG_NUMBER, "N", "how many may join by it (1)"},
    {"expires", 0, FLAG_DURATION, "D", "how long it is good (7d)"},
    {"qr", 0, FLAG_SWITCH, NULL, "show it as a QR code too"},
    {0},
};

static const struct flag shell_flags[] = {
    {"command", 'c', FLAG_TEXT, "CMDS", "these, separated by ';' or line ends"},
    {"file", 'f', FLAG_PATH, "FILE", "what this file says"},
    {"keep-going", 'k', FLAG_SWITCH, NULL, "go on after one that failed"},
    {0},
};

static const struct flag daemon_flags[] = {
    {"port", 0, FLAG_NUMBER, "N", "UDP and TCP port, this one or none; 0: any free one"},
    {"bind", 0, FLAG_ADDRESS, "ADDR", "listen there only; may come many times"},
    {"background", 0, FLAG_SWITCH, NULL, NULL},
    {"ready-fd", 0, FLAG_NUMBER, "FD", NULL},
    {0},
};

static const struct flag stop_flags[] = {
    {"now", 0, FLAG_SWITCH, NULL, "within 1 s instead of 5"},
    {0},
};

static const struct flag logs_flags[] = {
    {"follow", 'f', FLAG_SWITCH, NULL, "go on as more is written"},
    {"lines", 'n', FLAG_NUMBER, "N", "the last N lines (200)"},
    {"level", 0, FLAG_TEXT, "LEVEL", "what the running daemon writes: info,dht=debug"},
    {0},
};

const struct command commands[] = {
    {"share", "sharing", "PATH...", 1, WORDS_ANY, "Share files or folders in place; print links.",
     share_flags,
     "The daemon reads and hashes PATH, then offers it under a link that anybody can\n"
     "fetch. Nothing is copied: the file has to stay where it is. The same content\n"
     "and name gives the same link on every machine. Listed shares can be found by\n"
     "name and by words of it (kadpeer search), a file also by what sha1sum prints;\n"
     "--unlisted ones by link only. With -q the link alone is printed.\n"
     "\n"
     "--wait-first-peer returns when one peer that fetched from here has all of it, so\n"
     "the machine may be switched off. Ctrl-C (130) and --timeout (4) end the waiting,\n"
     "not the sharing.\n"
     "\n"
     "--qr draws the link on stderr, in 80 columns at most; a link that is too long\n"
     "for that is drawn without its name. With --json nothing is drawn.\n",
     verb_share},
    {"unshare", "sharing", "ID...", 1, WORDS_ANY, "Stop sharing; the files stay.", unshare_flags,
     "ID is the number, the hash, 6 or more of its first digits, or the exact name;\n"
     "with --group the file's path there.\n",
     verb_unshare},
    {"shares", "sharing", "", 0, 0, "What is shared: size, peers, how much was sent.", no_flags,
     NULL, verb_shares},
    {"get", "sharing", "LINK|HASH|F.torrent|NAME...", 1, WORDS_ANY,
     "Fetch files, verify them, go on sharing them.", get_flags,
     "What is fetched:\n"
     "  an existing .torrent file, or a magnet link (in quotes: it holds '&')\n"
     "  40 hexadecimal digits: the hash of a share, or what sha1sum prints of a file\n"
     "  digits only: a transfer's number; 6 to 39 digits: the start of its hash\n"
     "  anything else: a name; name:X is one in any case\n"
     "\n"
     "It is written to NAME.part and gets its name when every piece has verified.\n"
     "-o is a folder when it exists as one or ends in '/', else the file's name. With\n"
     "'-o -' one file goes to stdout, in order, as its pieces come; it is kept and\n"
     "shared as well. The same link twice joins the transfer that is there. Ctrl-C\n"
     "pauses it and tells how to resume; with -d it goes on by itself. Names come from\n"
     "strangers: a name with several matches is a choice on a terminal, else status 8\n"
     "and candidates.\n"
     "\n"
     "--select takes numbers as 'files' shows them, ranges and globs: 0,3-5,*.flac. A\n"
     "glob fits a file's name, its path or a folder; '*' alone is all of them. Later,\n"
     "'get ID --select ...' changes the selection; what was left out is not on disk\n"
     "but for pieces it shares with a wanted file, in a hidden file in the folder.\n"
     "\n"
     "What was fetched is shared until it was sent transfer.ratio times (2.0) or for\n"
     "transfer.seed_time (7d), whichever comes first; --ratio stands in for the former\n"
     "for this one. Then it is 'complete' and stays where it is.\n"
     "\n"
     "--verify-only compares -o PATH, or what has its name where it would be fetched\n"
     "to, with what the link means. At most the list of pieces comes from peers, and\n"
     "no transfer is left behind. Status 10 when a piece differs, 3 without a file.\n",
     verb_get},
    {"search", "sharing", "WORD...", 1, WORDS_ANY, "Look for shares by words of their names.",
     search_flags,
     "Results are printed as they come. SOURCES: peers that have it, at least so many\n"
     "(one reachable over both IPv4 and IPv6 counts once). PUBLISHERS: the keys that\n"
     "gave it this name.\n",
     verb_search},
    {"ls", "transfers", "", 0, 0, "All transfers: state, progress, rates.", ls_flags,
     "PEERS is how many send or receive of how many connected. States:\n"
     "  searching metadata queued downloading verifying sharing paused complete\n"
     "  no_space missing_files error\n",
     verb_ls},
    {"info", "transfers", "ID", 1, 1, "All that is known of one transfer.", no_flags, NULL,
     verb_info},
    {"files", "transfers", "ID", 1, 1, "Its files and how much of each is there.", no_flags, NULL,
     verb_files},
    {"peers", "transfers", "ID", 1, 1, "Its peers: what they have, send and get.", no_flags, NULL,
     verb_peers},
    {"pieces", "transfers", "ID", 1, 1, "A map of its pieces.", no_flags, NULL, verb_pieces},
    {"pause", "transfers", "ID...|--all", 0, WORDS_ANY, "Stop fetching and sharing for now.",
     all_flag, NULL, verb_pause},
    {"resume", "transfers", "ID...|--all", 0, WORDS_ANY, "Go on with what is paused.", all_flag,
     "After a restart or a crash of the daemon nothing has to be resumed by hand.\n"
     "--all leaves alone what is complete and not to be shared (any longer): named\n"
     "here, what came by 'get --no-seed' is shared; a ratio or time is first raised.\n",
     verb_resume},
    {"move", "transfers", "ID DIR", 2, 2, "Move its files to another folder.", no_flags,
     "Also while it is fetched or shared, and to another disk: then it is copied, and\n"
     "rests meanwhile. What is interrupted goes on by itself. What else lies in a\n"
     "folder that is shared goes along, but not to another disk. Status 8 when\n"
     "something has the name there.\n",
     verb_move},
    {"rm", "transfers", "ID...", 1, WORDS_ANY, "Forget transfers; --data deletes files too.",
     rm_flags, NULL, verb_rm},
    {"limit", "transfers", "[ID]", 0, 1, "Show or set how fast, and with how many peers.",
     limit_flags,
     "Without ID for all transfers together, with it for one, which lies under that of\n"
     "all; without a flag nothing is changed. Holds at once, and after a restart.\n"
     "Transfers share what there is equally, and so do their peers. Peers on the local\n"
     "network, this machine included, are limited only with --lan yes. transfer.down,\n"
     "transfer.up, transfer.limit_lan and network.max_connections say what holds until\n"
     "this is used, and again when they are changed.\n",
     verb_limit},
    {"schedule add", "transfers", "[DAYS] FROM-TO", 1, 2, "Limits that hold at times of the week.",
     schedule_flags,
     "As in: schedule add --down 500K mon-fri 08:00-18:00. DAYS are like mon-fri or\n"
     "sat,sun; without them each day. FROM-TO is in the daemon's local time, and may\n"
     "go over midnight. What it does not say is as limit said; where several hold at\n"
     "one time the one added last counts.\n",
     verb_schedule_add},
    {"schedule ls", "transfers", "", 0, 0, "The limits at times of the week.", no_flags, NULL,
     verb_schedule_ls},
    {"schedule rm", "transfers", "NUMBER", 1, 1, "Take one out, by its number in schedule ls.",
     no_flags, NULL, verb_schedule_rm},
    {"verify", "transfers", "ID...", 1, WORDS_ANY, "Read all of it again and compare hashes.",
     no_flags, "Status 10 when a piece is not right; it is then fetched again.\n", verb_verify},
    {"torrent create", "torrents", "PATH", 1, 1, "Make a .torrent of a file or folder.",
     create_flags,
     "Needs no daemon and shares nothing. kadpeer asks no trackers: each --tracker, a\n"
     "tier of its own in the order given, is for programs that do.\n",
     verb_torrent_create},
    {"torrent show", "torrents", "F", 1, 1, "What a .torrent says.", no_flags,
     "F may be '-' for stdin.\n", verb_torrent_show},
    {"torrent link", "torrents", "F", 1, 1, "The magnet link of a .torrent.", link_flags,
     "F may be '-' for stdin.\n", verb_torrent_link},
    {"torrent edit", "torrents", "F", 1, 1, "Change trackers and comment of a .torrent.",
     edit_flags,
     "What it names, its hash, stays the same; so does all else that is in it. F may\n"
     "be '-' for stdin, and then goes to stdout.\n",
     verb_torrent_edit},
    {"torrent verify", "torrents", "F PATH", 2, 2, "Compare files with a .torrent.", no_flags,
     "F may be '-' for stdin. PATH is the content or the folder it lies in. Status 10\n"
     "when something is wrong or missing.\n",
     verb_torrent_verify},
    {"join", "network", "HOST:PORT...", 1, WORDS_ANY, "Join the network by a node that is in it.",
     join_flags,
     "Any node will do, and one is enough: nodes are remembered. Nodes to try at\n"
     "every start: kadpeer bootstrap add, or network.bootstrap in the config.\n",
     verb_join},
    {"node status", "network", "", 0, 0, "Our node: id, address, table, counters.", no_flags, NULL,
     verb_node_status},
    {"node table", "network", "", 0, 0, "The nodes we know.", no_flags,
     "Bucket by bucket: the ids each is for, how many of the nodes it has room for are\n"
     "known, how quickly they answer, when they were heard of.\n",
     verb_node_table},
    {"node ping", "network", "HOST:PORT", 1, 1, "Ask one node whether it is there.", no_flags, NULL,
     verb_node_ping},
    {"node find", "network", "ID|KEY", 0, 1, "The nodes nearest to an id or key.", find_flags,
     "An ID has 40 hexadecimal digits; any other KEY is a name, and stands for what is\n"
     "published under it (a name of eight such digits or more: --key NAME). BITS are\n"
     "shared with the key, HOPS the answers it took.\n",
     verb_node_find},
    {"bootstrap ls", "network", "", 0, 0, "The list of nodes to join by.", no_flags,
     "The profile's own bootstrap_nodes.txt, else the installed one.\n", verb_bootstrap_ls},
    {"bootstrap add", "network", "HOST:PORT...", 1, WORDS_ANY, "Put nodes on the list.", no_flags,
     NULL, verb_bootstrap_add},
    {"bootstrap rm", "network", "HOST:PORT...", 1, WORDS_ANY, "Take nodes off the list.", no_flags,
     NULL, verb_bootstrap_rm},
    {"bootstrap reset", "network", "", 0, 0, "Back to the installed list.", no_flags, NULL,
     verb_bootstrap_reset},
    {"user create", "people", "NAME", 1, 1, "Make a user: a key pair, sealed with a password.",
     user_create_flags,
     "Logs in. The keys stay on this machine; nobody else keeps them, and nobody can\n"
     "reset the password, which is asked for on the terminal unless --password-file,\n"
     "--password-fd or KADPEER_PASSWORD_FILE says where it is. Public sharing needs no\n"
     "user.\n",
     verb_user_create},
    {"user ls", "people", "", 0, 0, "The users of this profile.", no_flags, NULL, verb_user_ls},
    {"user show", "people", "[NAME]", 0, 1, "Key and fingerprint of a user, here or elsewhere.",
     people_wait_flags,
     "Without NAME: who is logged in. Names are not unique; fingerprints are. Compare\n"
     "them by a way of your own before you trust one.\n",
     verb_user_show},
    {"user passwd", "people", "[NAME]", 0, 1, "Change a user's password.", user_passwd_flags,
     "Copies made before by 'user export' keep the old one.\n", verb_user_passwd},
    {"user export", "people", "F", 1, 1, "Write a user's sealed keys into a file.",
     user_export_flags, "F may be '-' for stdout. The password opens it.\n", verb_user_export},
    {"user import", "people", "F", 1, 1, "Take up a user from such a file.", user_import_flags,
     "F may be '-' for stdin.\n", verb_user_import},
    {"login", "people", "NAME", 1, 1, "Be that user in this profile, in all its groups.",
     login_flags, "After three wrong passwords the next try counts in 1, 2, 4 s and so on.\n",
     verb_login},
    {"logout", "people", "", 0, 0, "Nobody is logged in; files of groups are offered no more.",
     no_flags, "Public shares go on. The next login takes the others up again.\n", verb_logout},
    {"whoami", "people", "", 0, 0, "Who is logged in.", no_flags, NULL, verb_whoami},
    {"group create", "people", "NAME", 1, 1, "Make a private group, of which one is the owner.",
     group_create_flags,
     "What is in a group, and who is, is sealed for its members. Only the owner lets\n"
     "people in; members share and fetch without the owner being there.\n",
     verb_group_create},
    {"group ls", "people", "", 0, 0, "Our groups, then those others have listed.", group_ls_flags,
     "Names and what is said of listed groups come from strangers.\n", verb_group_ls},
    {"group show", "people", "G", 1, 1, "One group: its members, its standing.", no_flags,
     "G is a name, name# and the first digits of the key, or 6 or more digits of it.\n",
     verb_group_show},
    {"group join", "people", "G|INVITE", 1, 1, "Join by an invite, or ask to be let in.",
     group_join_flags,
     "An invite lets in at once. By name a request is sent, which the owner accepts or\n"
     "not, and which the daemon repeats while you are logged in. Status 0 either way;\n"
     "the answer says which.\n",
     verb_group_join},
    {"group leave", "people", "G", 1, 1, "Be in it no more; fetched files stay.", group_leave_flags,
     "An owner has to hand it to another member, unless alone.\n", verb_group_leave},
    {"group requests", "people", "[G]", 0, 1, "Who asks to be let into groups of ours.", no_flags,
     NULL, verb_group_requests},
    {"group accept", "people", "G [USER]", 1, 2, "Let somebody in who asked.", group_decide_flags,
     NULL, verb_group_accept},
    {"group reject", "people", "G [USER]", 1, 2, "Do not; they are not told.", group_decide_flags,
     NULL, verb_group_reject},
    {"group remove", "people", "G USER", 2, 2, "Take a member out; the group gets new keys.",
     people_wait_flags, "What they have fetched they keep.\n", verb_group_remove},
    {"group rotate", "people", "G", 1, 1, "New keys for a group of ours.", people_wait_flags, NULL,
     verb_group_rotate},
    {"group invite", "people", "G", 1, 1, "Print an invite into a group of ours.",
     group_invite_flags,
     "stdout is the invite alone. Whoever has it gets in: give it to those alone who\n"
     "are meant.\n",
     verb_group_invite},
    {"group files", "people", "G", 1, 1, "What its members share.", no_flags, NULL,
     verb_group_files},
    {"upload", "people", "PATH G", 2, 2, "Share a file or folder with a group alone.", upload_flags,
     "As 'share --group G PATH': it stays where it is, and members fetch it.\n", verb_upload},
    {"download", "people", "G FILE...", 2, WORDS_ANY, "Fetch files of a group.", download_flags,
     "FILE is a path that 'group files' shows, or its hash. All else is as for get.\n",
     verb_download},
    {"daemon", "program", "", 0, 0, "Run the daemon in the foreground.", daemon_flags,
     "Commands that need a daemon start one by themselves, in the background. The\n"
     "well-known node of a network is an ordinary daemon on a known port. Without\n"
     "--port the configured one is tried, then the next free one. Ends on Ctrl-C or\n"
     "SIGTERM.\n",
     verb_daemon},
    {"start", "program", "", 0, 0, "Start the daemon in the background.", no_flags,
     "Running already is no failure (status 0).\n", verb_start},
    {"stop", "program", "", 0, 0, "End the daemon, its state saved.", stop_flags,
     "Returns when the process has ended. Not running is no failure (status 0).\n", verb_stop},
    {"status", "program", "", 0, 0, "Is the daemon running, and what does it do.", no_flags,
     "Never starts one: status 5 when none is running.\n", verb_status},
    {"logs", "program", "", 0, 0, "What the daemon has written.", logs_flags,
     "Of a daemon in the background; one in the foreground writes to its terminal.\n"
     "Levels: error warn info debug trace, one per subsystem if wanted.\n",
     verb_logs},
    {"shell", "program", "", 0, 0, "Commands line by line; 'kadpeer' alone on a terminal.",
     shell_flags,
     "Takes every command without the word kadpeer, and these:\n"
     "  create_user NAME [PASSWORD]    login NAME [PASSWORD]    logout    quit\n"
     "  create_group G    join_group G    leave_group G    list_groups\n"
     "  list_requests G    accept_request G USER    list_files G\n"
     "  upload_file PATH G    download_file G FILE DIR    show_downloads\n"
     "  stop_share G FILE\n"
     "A password that is left out is asked for without echo. 'quotes', \"quotes\" and\n"
     "\\ keep blanks, ~ is the home folder, ';' separates commands, '#' begins a\n"
     "comment; '&', '$' and '*' mean nothing, so a link needs no quotes.\n"
     "\n"
     "What is fetched goes on in the background; -w waits for it, and Ctrl-C then only\n"
     "returns to the prompt. What finishes or fails, and who asks to join a group, is\n"
     "told above the line being typed. Tab completes; the last 1000 lines are kept.\n"
     "\n"
     "With -c or -f, or when stdin is no terminal, there is no prompt, and the first\n"
     "command that fails ends it with its status, unless -k is given.\n",
     verb_shell},
    {"config get", "program", "KEY", 1, 1, "One setting.", no_flags, NULL, verb_config_get},
    {"config set", "program", "KEY VALUE", 2, 2, "Change a setting in the config file.", no_flags,
     "Comments stay. A setting that is a list gets one value more; 'config unset'\n"
     "empties it. A running daemon takes it up at its next start.\n",
     verb_config_set},
    {"config unset", "program", "KEY", 1, 1, "Back to the default.", no_flags, NULL,
     verb_config_unset},
    {"config ls", "program", "", 0, 0, "Every setting, its value and where it comes from.",
     no_flags, NULL, verb_config_ls},
    {"config edit", "program", "", 0, 0, "Open the config file in $VISUAL or $EDITOR.", no_flags,
     NULL, verb_config_edit},
    {"config check", "program", "", 0, 0, "Is the config file right.", no_flags, NULL,
     verb_config_check},
    {"config path", "program", "", 0, 0, "Where the config file is.", no_flags, NULL,
     verb_config_path},
    {"version", "program", "", 0, 0, "Print the version.", no_flags, NULL, verb_version},
    {"help", "program", "[COMMAND|TOPIC]", 0, 2, "Help; topics: exit folders environment flags.",
     no_flags, NULL, verb_help},
    {0},
};

const struct alias aliases[] = {
    {"add", "get", "detach"},
    {"list", "ls", NULL},
    {"seed", "share", NULL},
    {"id", "node status", NULL},
    {0},
};
