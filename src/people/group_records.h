/* Limits of what users and groups keep in the table, and the salts of its records
 * [groups-design 2; docs/protocol.md section 6]. Each kind of record has a file of its own:
 * user_body, head, keypage, roster, shelf; what goes into mailboxes is drops. They make and read
 * the bodies of signed mutable records, and sealed lists; the records around them (signature, seq,
 * expiry) are item_record of kadpeer/records.h. Readers take strangers' bytes: what is malformed,
 * too long or has unknown keys is refused, and each value has one encoding. */
#pragma once

#define GROUP_NAME_MAX     64  /* bytes, UTF-8 */
#define GROUP_ABOUT_MAX    200 /* bytes, UTF-8 */
#define USER_NAME_MAX      32  /* bytes, UTF-8 */
#define GROUP_MEMBERS_MAX  512
#define KEYPAGE_BOXES      8
#define GROUP_KEYPAGES_MAX (GROUP_MEMBERS_MAX / KEYPAGE_BOXES)
#define HEAD_PARTS_MAX     30
#define INDEX_PARTS_MAX    40 /* part keys in one index part */
#define ROSTER_PARTS_MAX   140
#define SHELF_ENTRIES_MAX  10000
#define SHELF_PATH_MAX     255 /* bytes */
#define OLD_EPOCHS_MAX     64
#define LIST_BLOB_MAX      (16 * 1024 * 1024)
#define ITEM_SALT_USER     "user"
#define ITEM_SALT_HEAD     "h"
#define ITEM_SALT_SHELF    "s"
#define KEYPAGE_SALT_BYTES (7 + EPOCH_MARK_BYTES) /* "k" || u32 epoch || u16 page || mark */
