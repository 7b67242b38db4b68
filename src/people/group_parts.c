/* Parts of a roster, or of the index of its parts: from the table, from a channel, or held already.
 * Each proves itself by its key, so the first that comes will do. */
#include <string.h>

#include "people/group_private.h"

static const struct held_record *find_part(const struct group *group, const struct id *key)
{
    const struct held_record *part = held_find(&group->reading.came, key);
    return part != NULL ? part : held_find(&group->held, key);
}

static void ask(struct group *group)
{
    struct reading *reading = &group->reading;
    for (; reading->key_next < reading->key_count && reading->under_way < READ_WINDOW;
         reading->key_next++) {
        const struct id *key = &reading->keys[reading->key_next];
        if (find_part(group, key) != NULL || looking_find(group, LOOK_PART, key) != NULL)
            continue;
        if (looking_begin(group, LOOK_PART, key, KIND_PART, (uint32_t)reading->key_next) == NULL)
            reading->failed = true;
        else
            reading->under_way++;
    }
}

static bool has_all(const struct group *group)
{
    for (size_t i = 0; i < group->reading.key_count; i++)
        if (find_part(group, &group->reading.keys[i]) == NULL)
            return false;
    return true;
}

static void go_on(struct group *group)
{
    ask(group);
    if (group->reading.under_way > 0)
        return;
    if (has_all(group))
        reading_end_of_parts(group);
    else
        reading_again(group);
}

void parts_begin(struct group *group, const struct id *keys, size_t count)
{
    struct reading *reading = &group->reading;
    looking_cancel(group, LOOK_PART);
    memmove(reading->keys, keys, count * sizeof *keys);
    reading->key_count = count;
    reading->key_next = 0;
    reading->under_way = 0;
    reading->failed = false;
    go_on(group);
}

void parts_value(struct group *group, struct looking *looking, struct bytes value)
{
    struct reading *reading = &group->reading;
    struct id key = key_of_part(value);
    if (!id_equal(&key, &looking->key) || held_put(&reading->came, KIND_PART, value) == NULL)
        return;
    looking_cancel_one(group, looking);
    reading->under_way--;
    go_on(group);
}

void parts_done(struct group *group)
{
    group->reading.under_way--;
    go_on(group);
}

bool parts_join(const struct group *group, struct buffer *out)
{
    for (size_t i = 0; i < group->reading.key_count; i++) {
        const struct held_record *part = find_part(group, &group->reading.keys[i]);
        buffer_add(out, part->value, part->len);
    }
    return !out->failed;
}

static bool is_wanted(const struct reading *reading, const struct id *key)
{
    for (size_t i = 0; i < reading->key_count; i++)
        if (id_equal(&reading->keys[i], key))
            return true;
    return false;
}

void group_on_part(struct group *group, struct bytes part, uint64_t now_ms)
{
    group_begin(group, now_ms);
    struct reading *reading = &group->reading;
    bool reads_parts = reading->stage == READ_INDEX || reading->stage == READ_PARTS;
    if (!reads_parts || part.len == 0 || part.len > PART_BYTES_MAX)
        return;
    struct id key = key_of_part(part);
    if (!is_wanted(reading, &key) || find_part(group, &key) != NULL ||
        held_put(&reading->came, KIND_PART, part) == NULL)
        return;
    struct looking *looking = looking_find(group, LOOK_PART, &key);
    if (looking != NULL) {
        looking_cancel_one(group, looking);
        reading->under_way--;
    }
    go_on(group);
    group_settle(group);
}
