//! The contract of every log as tests: the port's rules, and Kafka's behaviour that they rest on.
//!
//! An adapter implements [`LogUnderTest`] to provide its log, and runs the contract with one line inside a test
//! module. Each clause becomes a separate test:
//!
//! ```
//! mod log_tests {
//! millstream::log_contract!(millstream::testing::log_contract::InMemory::new());
//! }
//! ```
//!
//! The expression creates a log under test, or another client of the same log: clauses do not interfere, because
//! their names have different prefixes. A clause relies only on what the port promises, so the embedded log and a
//! real broker pass the same clauses. What cannot hold for every log (surviving `kill -9`, a second process on the
//! same folder) is tested by the adapter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::clock::{Clock, ManualClock};
use crate::log::{Doorbell, Embedded, Log, LogError};
use crate::record::Timestamp;

mod admin;
mod client;
mod groups;
mod reading;
mod static_members;
mod transactions;
mod writing;

pub use admin::*;
pub use groups::*;
pub use reading::*;
pub use static_members::*;
pub use transactions::*;
pub use writing::*;

/// A log to test against the contract, with its own notion of time.
pub trait LogUnderTest {
    /// The log.
    fn log(&self) -> &dyn Log;

    /// The prefix of all names of topics, groups and transactional ids, which no other clause uses.
    fn prefix(&self) -> &str;

    /// Lets `time` pass, or less if the doorbell rings. A real log waits on the doorbell; one with a manual clock
    /// advances it.
    fn pass(&self, time: Duration, doorbell: &Doorbell);

    /// The time since some fixed moment.
    fn elapsed(&self) -> Duration;

    /// The same log, for clients whose connections [`LogUnderTest::cut`] can cut.
    fn distant_log(&self) -> &dyn Log {
        self.log()
    }

    /// Cuts off the clients of [`LogUnderTest::distant_log`], or lets them reach it again. Returns whether there is a
    /// connection to cut; if not, a clause lets its clients fall silent instead.
    fn cut(&self, _is_cut: bool) -> bool {
        false
    }

    /// How long a clause waits for an event before it fails.
    fn patience(&self) -> Duration {
        Duration::from_secs(90)
    }

    /// The shortest session timeout the log allows its members.
    fn session_timeout(&self) -> Duration {
        Duration::from_secs(6)
    }

    /// Settings that make the log compact a topic as soon as possible; `None` if that would take too long for a test.
    fn eager_compaction(&self) -> Option<Vec<(String, String)>>;
}

/// A clause's result: an error if the log refused something that it should have done.
pub type Outcome = Result<(), LogError>;

/// A clause: panics when the log breaks it.
pub type Clause = fn(&dyn LogUnderTest) -> Outcome;

/// Passes the names of all clauses to a macro. This is the only list of them.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_contract_clauses {
    ($macro:path, $($argument:tt)*) => {
        $macro! { $($argument)*;
            a_record_comes_back_as_it_was_sent
            offsets_count_up_in_the_order_of_sending
            partitions_are_apart
            a_topic_has_one_handle
            back_pressure_loses_nothing
            acknowledged_is_the_offset_behind_the_last_record
            polling_is_enough_to_be_seen
            a_record_larger_than_the_topic_takes_is_refused
            a_time_that_the_topic_does_not_take_is_refused_by_its_name
            an_unknown_topic_cannot_be_written
            a_partition_that_does_not_exist_cannot_be_written
            reading_begins_where_it_is_told
            a_partition_added_again_is_moved
            the_end_is_told_once_each_time_it_is_reached
            a_position_behind_the_end_is_out_of_range
            a_position_before_the_start_is_out_of_range
            a_paused_partition_is_silent_until_it_is_resumed
            a_removed_partition_is_silent
            an_unknown_topic_cannot_be_read
            the_doorbell_rings_when_there_is_something_to_read
            every_partition_gets_its_turn
            a_committed_transaction_is_seen_whole
            an_aborted_transaction_is_seen_by_nobody_who_reads_committed_records
            an_open_transaction_holds_committed_readers_back
            interleaved_transactions_are_kept_apart
            a_transaction_spans_partitions
            one_producer_writes_many_transactions
            an_empty_transaction_can_be_ended
            abort_throws_away_what_is_queued
            transactions_are_opened_before_they_are_used
            a_newer_producer_fences_the_older_one
            a_newer_producer_ends_its_predecessors_transaction
            a_transaction_that_is_open_for_too_long_is_aborted
            offsets_are_committed_with_their_transaction
            asking_for_offsets_waits_for_open_transactions
            offsets_of_an_old_generation_are_refused
            offsets_of_somebody_who_left_are_refused
            offsets_with_metadata_of_no_member_are_refused
            a_lone_member_gets_every_task
            members_share_tasks_in_the_order_of_their_names
            a_task_goes_with_the_widest_topic
            members_beyond_the_number_of_tasks_get_none
            who_leaves_is_replaced
            who_dies_is_replaced_after_the_session_timeout
            nothing_is_given_out_before_it_is_given_up
            who_does_not_give_up_in_time_loses_its_tasks
            the_old_generation_commits_until_it_gave_up
            who_takes_part_in_a_rebalance_can_tell_that_nobody_came_between
            who_missed_an_owner_of_its_tasks_can_tell
            a_static_member_that_comes_back_has_its_tasks_in_the_same_generation
            who_takes_the_place_of_a_static_member_fences_it
            a_static_member_that_leaves_is_replaced_at_once
            a_static_member_that_leaves_in_the_middle_of_a_rebalance_is_not_waited_for
            a_static_member_that_dies_is_replaced_after_the_session_timeout
            static_members_share_tasks_in_the_order_of_their_instance_ids
            a_static_member_that_does_not_give_up_in_time_loses_its_tasks
            a_static_member_that_missed_an_owner_of_its_tasks_can_tell
            committed_offsets_come_back_with_their_metadata
            committed_offsets_outlive_the_members
            the_members_of_a_group_are_known_to_all
            a_group_without_members_can_be_forgotten
            a_topic_is_created_once
            settings_are_told_back
            a_wrong_topic_does_not_spoil_the_others
            a_topic_created_again_is_another_one
            start_and_end_follow_the_records
            a_time_is_looked_up_in_each_partition
            deleted_records_are_gone
            offsets_of_an_unknown_topic_are_an_error
            compaction_keeps_the_last_value_of_each_key
        }
    };
}

/// Turns each clause of the log contract into a test; see [`crate::testing::log_contract`].
#[macro_export]
macro_rules! log_contract {
    ($under_test:expr $(,)?) => {
        $crate::__log_contract_clauses!($crate::log_contract, @tests $under_test);
    };
    (@tests $under_test:expr; $($clause:ident)*) => {$(
        #[test]
        fn $clause() -> ::core::result::Result<(), $crate::log::LogError> {
            $crate::testing::log_contract::$clause(&$under_test)
        }
    )*};
}

macro_rules! list {
    (@list; $($clause:ident)*) => {
        /// All clauses with their names, for suites that do not use `#[test]`.
        #[must_use]
        pub fn clauses() -> Vec<(&'static str, Clause)> {
            vec![$((stringify!($clause), $clause as Clause)),*]
        }
    };
}

__log_contract_clauses!(list, @list);

/// The embedded log in memory, on a manual clock. It serves adapter authors as a reference.
pub struct InMemory {
    log: Embedded,
    clock: ManualClock,
    prefix: String,
}

impl InMemory {
    /// A fresh, empty log.
    #[must_use]
    pub fn new() -> Self {
        let clock = ManualClock::at(Timestamp(1_700_000_000_000));
        Self { log: Embedded::with_clock(Arc::new(clock.clone())), clock, prefix: unique_prefix() }
    }
}

impl Default for InMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl LogUnderTest for InMemory {
    fn log(&self) -> &dyn Log {
        &self.log
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn pass(&self, time: Duration, _doorbell: &Doorbell) {
        self.clock.advance(time);
    }

    fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    fn eager_compaction(&self) -> Option<Vec<(String, String)>> {
        Some(vec![("min.cleanable.dirty.ratio".into(), "0".into())])
    }
}

/// A prefix that is unique within this process. Combined with something that differs between processes, such as the
/// process id, it can serve as [`LogUnderTest::prefix`].
#[must_use]
pub fn unique_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("contract-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
