"""Every known fault of the original, and the test that shows ours doing the opposite."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = "tests/core/approvals/test_gate_contract.py"
MAILBOX = "tests/core/signals/test_signals_contract.py"
GATE = "tests/core/approvals/test_gate_original_faults.py"
SIGNALS = "tests/core/signals/test_signals_original_faults.py"
BEATS = "tests/core/agents/test_heartbeat_contract.py"
RIVALS = "tests/core/agents/test_heartbeat_faults.py"
RECORDS = "tests/core/store/test_malformed_records.py"
EVENTS = "tests/core/events/test_events_faults.py"
USAGE = "tests/core/usage/test_usage_faults.py"
FEEDBACK = "tests/core/feedback/test_feedback_faults.py"

FAULTS = {
    # Approvals
    "an unknown id is accepted": (DECISIONS, "test_an_unknown_request_cannot_be_decided"),
    "a decision after the timeout is accepted and flips the stored status": (
        *(GATE, "test_a_decision_after_the_timeout_is_refused_and_the_status_stays"),
    ),
    "a second, contradicting decision is accepted and wins": (
        *(DECISIONS, "test_a_decision_says_what_stands"),
    ),
    "an approval 0.3 s before the deadline is lost": (
        *(GATE, "test_an_approval_shortly_before_the_deadline_reaches_the_agent"),
    ),
    "the expiry sweep overwrites a human's denial": (
        *(DECISIONS, "test_the_sweep_ends_what_is_past_its_deadline_once_and_touches_no_decision"),
    ),
    "a dead agent's request stays pending past its deadline": (
        *(GATE, "test_the_request_of_a_killed_agent_does_not_stay_pending_past_its_deadline"),
    ),
    "anybody who can SET a key approves": (GATE, "test_setting_a_key_approves_nothing"),
    "a stored outcome that is no decision approves": (
        *(GATE, "test_an_outcome_that_is_not_exactly_a_decision_approves_nothing"),
    ),
    'the string "false" approves': (GATE, "test_only_a_bool_decides"),
    "a request that could not be stored still blocks for the whole timeout": (
        *(GATE, "test_a_request_that_could_not_be_stored_does_not_block_for_its_timeout"),
    ),
    "history is gone after 300 s": (
        *(GATE, "test_a_decision_is_still_known_after_its_timeout_for_seven_days"),
    ),
    "no event of request or decision": (DECISIONS, "test_every_change_is_published_and_remembered"),
    "up to 1 s until the agent hears": (GATE, "test_the_agent_is_woken_rather_than_polling"),
    "listing one request among 200,000 keys costs 1,993 SCANs": (
        *(GATE, "test_listing_costs_the_same_with_any_number_of_unrelated_keys"),
    ),
    "ids have 32 bits": (GATE, "test_ids_are_random_uuids"),
    # Signals
    "a broadcast reaches only its first reader": (
        *(MAILBOX, "test_a_broadcast_reaches_each_agent_once_the_sender_too"),
    ),
    "a name with * or [ reads and deletes other agents' mail": (
        *(SIGNALS, "test_a_name_with_a_star_or_bracket_reads_and_deletes_nobody_elses_mail"),
    ),
    "one signal is listed twice": (SIGNALS, "test_one_signal_is_listed_once"),
    "clearing mine clears everyone's": (MAILBOX, "test_clearing_is_mine_alone_by_type_or_whole_and_counts"),
    "N readers get one signal N times": (SIGNALS, "test_n_readers_do_not_get_one_signal_n_times"),
    "random order": (MAILBOX, "test_oldest_first_across_inbox_and_broadcasts"),
    "two keyspace scans a poll": (
        *(SIGNALS, "test_no_poll_scans_the_keyspace_and_its_cost_does_not_grow_with_it"),
    ),
    "an id is returned when nothing was stored": (
        *(SIGNALS, "test_no_id_is_returned_when_nothing_was_stored"),
    ),
    "ttl 0 becomes 60": (MAILBOX, "test_a_bad_ttl_is_refused_by_name"),
    "waiting for `done` eats `done:extra`": (SIGNALS, "test_waiting_for_done_does_not_eat_done_extra"),
    # Heartbeats
    "the first beat erases metadata": (BEATS, "test_a_beat_keeps_metadata_and_name"),
    "stopping drops the display name and shows 1.0 for `failed`": (
        *(BEATS, "test_stopping_keeps_metadata_name_task_and_the_last_progress"),
    ),
    "the stale list can never return anything": (
        *(BEATS, "test_staleness_goes_by_the_threshold_oldest_first_and_leaves_out_who_stopped"),
    ),
    "a crash vanishes": (BEATS, "test_a_crashed_agent_still_has_a_status_and_is_found_as_stale"),
    "the agent's clock is believed": (BEATS, "test_the_agents_own_clock_is_not_believed"),
    "one malformed or naive record breaks the fleet's list": (
        *(RECORDS, "test_a_malformed_heartbeat_is_named_when_read_and_breaks_no_list"),
    ),
    "NaN and 7.5 pass as progress": (BEATS, "test_progress_outside_0_to_1_is_a_value_error"),
    "two processes with one id hide each other": (
        *(RIVALS, "test_two_processes_with_one_name_both_see_the_conflict_and_so_does_the_record"),
    ),
    # Events
    "a quiet stream loses events while its consumer is busy": (
        *(EVENTS, "test_a_quiet_stream_loses_no_events_while_its_consumer_is_busy"),
    ),
    "types born later are never seen": (EVENTS, "test_types_born_later_are_seen"),
    "subscribing before the first event ends at once": (
        *(EVENTS, "test_subscribing_before_the_first_event_does_not_end_at_once"),
    ),
    "an 8 s outage ends the iterator for good": (*(EVENTS, "test_an_outage_does_not_end_the_iterator"),),
    "trim to 10 leaves 23": (EVENTS, "test_trim_to_10_leaves_10_and_says_how_many_went"),
    # Usage
    "savings ignore tokens": (USAGE, "test_savings_ignore_tokens"),
    "with no premium call a baseline is invented": (
        *(USAGE, "test_with_no_premium_call_a_baseline_is_invented"),
    ),
    "the enum's own `premium` is not recognised": (USAGE, "test_the_enums_own_premium_is_not_recognised"),
    "other processes' calls are never seen": (USAGE, "test_other_processes_calls_are_never_seen"),
    "SIGKILL loses 49 calls": (USAGE, "test_sigkill_loses_49_calls"),
    "the same call twice is billed twice": (USAGE, "test_the_same_call_twice_is_billed_twice"),
    "one NaN poisons the total": (USAGE, "test_one_nan_poisons_the_total"),
    "cache savings ignore the price of writes": (USAGE, "test_cache_savings_ignore_the_price_of_writes"),
    # Feedback
    "statistics use the first 100 stored, not the newest": (
        *(FEEDBACK, "test_statistics_use_the_newest_ratings_not_the_first_100_stored"),
    ),
    "`CHEAP` is stored and never found": (FEEDBACK, "test_a_rating_stored_as_upper_case_cheap_is_found"),
    "clearing `code` clears `code:review`": (FEEDBACK, "test_clearing_code_leaves_code_review"),
    "one rating moves the tier with confidence 1.0": (
        *(FEEDBACK, "test_one_rating_moves_no_tier_and_claims_no_confidence"),
    ),
    "every process has its own store": (FEEDBACK, "test_all_processes_share_one_store"),
}


@cache
def names_that_run(path: str) -> set[str]:
    """The tests at the top of a file, without those that carry a mark which keeps them from running."""
    found = [node for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)]
    kept = {"skip", "skipif", "xfail"}
    return {
        node.name
        for node in found
        if node.name.startswith("test_")
        and not kept & {part.attr for mark in node.decorator_list for part in ast.walk(mark)
                        if isinstance(part, ast.Attribute)}
    }  # fmt: skip


@pytest.mark.parametrize(("fault", "path", "test"), [(fault, *shown) for fault, shown in FAULTS.items()])
def test_each_fault_of_the_original_is_shown_to_be_none_of_ours(fault, path, test):
    assert test in names_that_run(path)


def test_no_test_shows_two_faults_and_no_test_of_a_fault_is_left_out_here():
    shown = list(FAULTS.values())
    assert len(shown) == len(set(shown))
    for file in (ROOT / "tests").rglob("test_*_original_faults.py"):
        path = str(file.relative_to(ROOT))
        if "contract" not in file.parts:
            assert names_that_run(path) == {test for where, test in shown if where == path}
