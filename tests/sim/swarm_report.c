#include "sim/swarm_report.h"

const struct scenario_outcome *swarm_report_clean(const struct scenario_outcome outcomes[],
                                                  size_t count, const struct scenario_outcome *of)
{
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].scenario.kind == SCENARIO_CLEAN &&
            outcomes[i].scenario.order == of->scenario.order)
            return &outcomes[i];
    return NULL;
}

/* ---- table ---- */

static void print_row(FILE *out, const struct scenario_outcome *outcome)
{
    const struct swarm_result *result = &outcome->result;
    char ratio[16] = "-", bound[16] = "-";
    if (outcome->bound_s > 0) {
        snprintf(bound, sizeof bound, "%.0f", outcome->bound_s);
        snprintf(ratio, sizeof ratio, "%.3f", outcome->last_s / outcome->bound_s);
    }
    fprintf(out, "%-12s%-11s%5u/%-5u%8.0f%8.0f%8.0f%7s%7s%8.1f%7.2f%7.2f%7.2f%5u/%-3u%5u\n",
            scenario_names[outcome->scenario.kind], swarm_order_names[outcome->scenario.order],
            result->complete, result->fetchers, outcome->first_s, outcome->median_s,
            outcome->last_s, bound, ratio, 100 * outcome->uplinks_used, outcome->copies_at_out,
            outcome->copies_at_first, 100 * outcome->wasted, outcome->bad_banned,
            outcome->bad_peers, result->honest_bans);
}

static void print_goals(FILE *out, const struct scenario_outcome *outcome,
                        const struct scenario_outcome *clean)
{
    struct scenario_goal goals[SCENARIO_GOALS_MAX];
    size_t count = scenario_goals(outcome, clean, goals);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %-7s %-12s%-11s%-30s %8.3f, wanted %s %g", goals[i].met ? "met" : "MISSED",
                scenario_names[outcome->scenario.kind], swarm_order_names[outcome->scenario.order],
                goals[i].text, goals[i].value, goals[i].at_least ? "at least" : "at most",
                goals[i].limit);
        if (goals[i].even > 0)
            fprintf(out, " (when all get alike: %.2f)", goals[i].even);
        fprintf(out, "\n");
    }
    if (outcome->bound_pieces_s > outcome->bound_s)
        fprintf(out, "  %-7s %-12s%-11s%-30s %8.3f, the bound being %.1f s then\n", "",
                scenario_names[outcome->scenario.kind], swarm_order_names[outcome->scenario.order],
                "last / bound of whole pieces", outcome->last_s / outcome->bound_pieces_s,
                outcome->bound_pieces_s);
}

void swarm_report_table(FILE *out, const struct scenario_outcome outcomes[], size_t count)
{
    const struct scenario *first = &outcomes[0].scenario;
    fprintf(out,
            "%u peers, %.1f MiB in pieces of %u KiB, up %.2f, down %.2f, seed %.2f Mbit/s, "
            "latency %llu ms, seed %llu\n",
            first->peers, (double)first->total_length / (1 << 20), first->piece_length >> 10,
            (double)first->up_bit_s / 1e6, (double)first->down_bit_s / 1e6,
            (double)first->seed_up_bit_s / 1e6, (unsigned long long)first->latency_ms,
            (unsigned long long)first->seed);
    if (first->scale > 1)
        fprintf(out, "scaled: bytes and rates are 1/%u of that, a block stands for %u KiB\n",
                first->scale, 16 * first->scale);
    fprintf(out, "%-12s%-11s%11s%8s%8s%8s%7s%7s%8s%7s%7s%7s%9s%5s\n", "scenario", "order",
            "complete", "first", "median", "last", "bound", "ratio", "up %", "out", "1st", "waste%",
            "banned", "hon.");
    for (size_t i = 0; i < count; i++)
        print_row(out, &outcomes[i]);
    fprintf(out, "times in s; out, 1st: copies the seed has sent when all of it is somewhere else,"
                 " and when the first is complete\n");
    for (size_t i = 0; i < count; i++)
        print_goals(out, &outcomes[i], swarm_report_clean(outcomes, count, &outcomes[i]));
}

/* ---- JSON ---- */

static void json_goals(FILE *out, const struct scenario_outcome *outcome,
                       const struct scenario_outcome *clean)
{
    struct scenario_goal goals[SCENARIO_GOALS_MAX];
    size_t count = scenario_goals(outcome, clean, goals);
    fprintf(out, "   \"goals\": [");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s{\"text\": \"%s\", \"value\": %.4f, \"%s\": %g, \"met\": %s",
                i > 0 ? ", " : "", goals[i].text, goals[i].value,
                goals[i].at_least ? "at_least" : "at_most", goals[i].limit,
                goals[i].met ? "true" : "false");
        if (goals[i].even > 0)
            fprintf(out, ", \"when_all_get_alike\": %.4f", goals[i].even);
        fprintf(out, "}");
    }
    fprintf(out, "],\n");
}

static void json_peers(FILE *out, const struct scenario_outcome *outcome)
{
    fprintf(out, "   \"peers\": [\n");
    for (size_t i = 0; i < outcome->result.peers; i++) {
        const struct swarm_peer *peer = &outcome->peers[i];
        fprintf(out, "    {\"kind\": \"%s\", \"joined_s\": %.3f, \"complete_s\": ",
                swarm_kind_names[peer->kind], (double)peer->join_ms / 1000);
        if (peer->complete_ms == UINT64_MAX)
            fprintf(out, "null");
        else
            fprintf(out, "%.3f", (double)peer->complete_ms / 1000);
        fprintf(out,
                ", \"bytes_down\": %llu, \"bytes_up\": %llu, \"bytes_wasted\": %llu, "
                "\"banned_by\": %u}%s\n",
                (unsigned long long)peer->bytes_down * outcome->scenario.scale,
                (unsigned long long)peer->bytes_up * outcome->scenario.scale,
                (unsigned long long)peer->bytes_wasted * outcome->scenario.scale, peer->banned_by,
                i + 1 < outcome->result.peers ? "," : "");
    }
    fprintf(out, "   ]}");
}

static void json_outcome(FILE *out, const struct scenario_outcome *outcome,
                         const struct scenario_outcome *clean)
{
    const struct scenario *scenario = &outcome->scenario;
    const struct swarm_result *result = &outcome->result;
    fprintf(out,
            "  {\"scenario\": \"%s\", \"order\": \"%s\", \"seed\": %llu, \"fetchers\": %u,\n"
            "   \"bytes\": %llu, \"piece_bytes\": %u, \"scale\": %u, \"seed_up_bit_s\": %llu, "
            "\"up_bit_s\": %llu, \"down_bit_s\": %llu, \"latency_ms\": %llu,\n",
            scenario_names[scenario->kind], swarm_order_names[scenario->order],
            (unsigned long long)scenario->seed, result->fetchers,
            (unsigned long long)scenario->total_length, scenario->piece_length, scenario->scale,
            (unsigned long long)scenario->seed_up_bit_s, (unsigned long long)scenario->up_bit_s,
            (unsigned long long)scenario->down_bit_s, (unsigned long long)scenario->latency_ms);
    fprintf(out,
            "   \"complete\": %u, \"first_s\": %.3f, \"median_s\": %.3f, \"last_s\": %.3f, "
            "\"bound_s\": %.3f, \"bound_whole_pieces_s\": %.3f, \"free_riders_median_s\": %.3f,\n"
            "   \"uplinks_used\": %.4f, \"seed_copies_all_out\": %.4f, "
            "\"seed_copies_first_complete\": %.4f, \"wasted\": %.5f,\n"
            "   \"bad_peers\": %u, \"bad_banned\": %u, \"honest_banned\": %u, \"packets\": %llu, "
            "\"trace\": \"%016llx\",\n"
            "   \"closed_protocol\": %u, \"closed_timeout\": %u,\n",
            result->complete, outcome->first_s, outcome->median_s, outcome->last_s,
            outcome->bound_s, outcome->bound_pieces_s, outcome->median_free_rider_s,
            outcome->uplinks_used, outcome->copies_at_out, outcome->copies_at_first,
            outcome->wasted, outcome->bad_peers, outcome->bad_banned, result->honest_bans,
            (unsigned long long)result->packets, (unsigned long long)result->trace,
            result->closed[CLOSE_PROTOCOL], result->closed[CLOSE_TIMEOUT]);
    json_goals(out, outcome, clean);
    json_peers(out, outcome);
}

void swarm_report_json(FILE *out, const struct scenario_outcome outcomes[], size_t count)
{
    fprintf(out, "{\"runs\": [\n");
    for (size_t i = 0; i < count; i++) {
        json_outcome(out, &outcomes[i], swarm_report_clean(outcomes, count, &outcomes[i]));
        fprintf(out, "%s\n", i + 1 < count ? "," : "");
    }
    fprintf(out, "]}\n");
}

/* ---- CSV ---- */

static void csv_outcome(FILE *out, const struct scenario_outcome *outcome)
{
    const struct scenario *scenario = &outcome->scenario;
    const struct swarm_result *result = &outcome->result;
    double pieces = (double)((scenario->total_length + scenario->piece_length - 1) /
                             scenario->piece_length * result->fetchers);
    double whole = (double)(scenario->total_length / scenario->scale);
    for (size_t i = 0; i < result->sample_count; i++) {
        const struct swarm_sample *sample = &outcome->samples[i];
        struct swarm_sample before = i > 0 ? outcome->samples[i - 1] : (struct swarm_sample){0};
        double capacity = (double)(sample->capacity - before.capacity);
        fprintf(out, "%s,%s,%.3f,%u,%u,%.5f,%.4f,%.4f\n", scenario_names[scenario->kind],
                swarm_order_names[scenario->order], (double)sample->at_ms / 1000, sample->present,
                sample->complete, (double)sample->pieces / pieces,
                capacity > 0 ? (double)(sample->bytes_up - before.bytes_up) / capacity : 0,
                (double)sample->seed_bytes / whole);
    }
}

void swarm_report_csv(FILE *out, const struct scenario_outcome outcomes[], size_t count)
{
    fprintf(out, "scenario,order,seconds,present,complete,progress,uplinks_used,seed_copies\n");
    for (size_t i = 0; i < count; i++)
        csv_outcome(out, &outcomes[i]);
}
