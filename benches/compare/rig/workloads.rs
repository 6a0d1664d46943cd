//! The workloads, which are the rows of the tables.

use clap::ValueEnum;

/// A row of the tables.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// The name of its topology in both programs.
    pub(crate) topology: &'static str,
    pub(crate) data: DataSet,
    pub(crate) guarantee: Guarantee,
    /// `commit.interval.ms`; `None` is the guarantee's default on both sides.
    pub(crate) commit_interval_ms: Option<u64>,
    pub(crate) cache_bytes: u64,
    pub(crate) outputs: Outputs,
}

/// The data that a workload reads. Topics with the same data are written once for all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DataSet {
    pub(crate) name: &'static str,
    /// The number of keys in the stream, which are uniformly distributed.
    pub(crate) keys: u64,
    /// The number of records in the stream at full scale.
    pub(crate) records: u64,
    /// Whether there is also a table, with a row per key.
    pub(crate) has_table: bool,
}

/// `processing.guarantee`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Guarantee {
    /// At least once
    Alo,
    /// Exactly once
    Eos,
}

impl Guarantee {
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::Alo => "alo",
            Self::Eos => "eos",
        }
    }

    /// The value of Kafka Streams' setting.
    pub(crate) const fn setting(self) -> &'static str {
        match self {
            Self::Alo => "at_least_once",
            Self::Eos => "exactly_once_v2",
        }
    }
}

/// How to compare the outputs of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outputs {
    /// Each output is final: both sides must have the same ones.
    Final,
    /// Later outputs replace earlier ones of the same key: their number depends on when caches are flushed, but the last
    /// one of each key does not.
    Updates,
}

const MIB: u64 = 1 << 20;

const HOT: DataSet = DataSet { name: "hot", keys: 10_000, records: 12_000_000, has_table: false };
const HOT_LONG: DataSet = DataSet { name: "hot-long", records: 24_000_000, ..HOT };
const MANY: DataSet = DataSet { name: "many", keys: 100_000, records: 3_000_000, has_table: false };
const OVERLAPS: DataSet = DataSet { name: "overlaps", records: 1_000_000, ..HOT };
const JOIN: DataSet = DataSet { name: "join", keys: 100_000, records: 8_000_000, has_table: true };
const BIG: DataSet = DataSet { name: "big", keys: 4_000_000, records: 3_000_000, has_table: false };

const COUNT: Workload = Workload {
    name: "hot-count",
    topology: "count",
    data: HOT,
    guarantee: Guarantee::Alo,
    commit_interval_ms: None,
    cache_bytes: 256 * MIB,
    outputs: Outputs::Updates,
};

/// All rows. At full scale, Kafka Streams takes half a minute for most of them.
pub(crate) static ALL: [Workload; 10] = [
    Workload { name: "pass-through", topology: "pass-through", outputs: Outputs::Final, ..COUNT },
    Workload { name: "keep-none", topology: "keep-none", data: HOT_LONG, outputs: Outputs::Final, ..COUNT },
    COUNT,
    Workload { name: "hot-count-100ms", commit_interval_ms: Some(100), ..COUNT },
    Workload { name: "hot-count-eos", guarantee: Guarantee::Eos, ..COUNT },
    Workload { name: "tumbling-sum", topology: "tumbling-sum", data: MANY, ..COUNT },
    Workload { name: "hopping-count", topology: "hopping-count", data: OVERLAPS, ..COUNT },
    Workload { name: "stream-table-join", topology: "stream-table-join", data: JOIN, outputs: Outputs::Final, ..COUNT },
    Workload { name: "update-10mib", topology: "update", data: BIG, cache_bytes: 10 * MIB, ..COUNT },
    Workload { name: "update-256mib", topology: "update", data: BIG, ..COUNT },
];

/// The row with that name.
pub(crate) fn named(name: &str) -> Result<&'static Workload, String> {
    let names = || ALL.each_ref().map(|workload| workload.name).join(", ");
    ALL.iter().find(|workload| workload.name == name).ok_or_else(|| format!("the rows are {}", names()))
}

#[cfg(test)]
mod tests {
    use super::{ALL, named};

    #[test]
    fn rows_are_found_by_their_names() {
        for workload in &ALL {
            assert_eq!(named(workload.name).expect("it is there").name, workload.name);
        }
        assert!(named("hot").expect_err("no row").starts_with("the rows are pass-through, keep-none, hot-count, "));
    }

    #[test]
    fn data_sets_of_one_name_are_one() {
        for workload in &ALL {
            for other in &ALL {
                assert_eq!(workload.data.name == other.data.name, workload.data == other.data, "{}", workload.name);
            }
        }
    }
}
