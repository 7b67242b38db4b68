/* The methods of transfer.*, by file. */
#pragma once

#include "daemon/control.h"

call_method transfer_add, transfer_metadata;              /* transfer_add.c */
call_method transfer_list, transfer_info, transfer_files; /* transfer_view.c */
call_method transfer_torrent;                             /* transfer_torrent.c */
call_method transfer_peers_view, transfer_pieces_view;    /* transfer_peers_view.c */
