//! Assigns tasks to the workers of this process.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::TaskId;

/// Distributes tasks among `workers`. A task stays with its worker unless that would have more than its share. Each
/// of the others goes to the worker with the fewest tasks and, among equals, with the fewest of the same
/// sub-topology, so that every worker gets some of each.
pub(crate) fn share_out(
    tasks: &BTreeSet<TaskId>,
    previous: &BTreeMap<TaskId, usize>,
    workers: usize,
) -> Vec<BTreeSet<TaskId>> {
    let workers = workers.max(1);
    let share = tasks.len().div_ceil(workers);
    let mut shares = vec![BTreeSet::new(); workers];
    let mut homeless = Vec::new();
    for task in tasks {
        match previous.get(task).and_then(|worker| shares.get_mut(*worker)) {
            Some(tasks) if tasks.len() < share => {
                tasks.insert(*task);
            }
            _ => homeless.push(*task),
        }
    }
    for task in homeless {
        let of_its_kind =
            |tasks: &BTreeSet<TaskId>| tasks.iter().filter(|other| other.subtopology == task.subtopology).count();
        if let Some(emptiest) = shares.iter_mut().min_by_key(|tasks| (tasks.len(), of_its_kind(tasks))) {
            emptiest.insert(task);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Partition;

    fn tasks(names: &[&str]) -> BTreeSet<TaskId> {
        let parse = |name: &&str| {
            let (subtopology, partition) = name.split_once('_').expect("a task id");
            TaskId {
                subtopology: subtopology.parse().expect("a number"),
                partition: Partition(partition.parse().expect("a number")),
            }
        };
        names.iter().map(parse).collect()
    }

    fn shown(shares: &[BTreeSet<TaskId>]) -> Vec<String> {
        shares.iter().map(|tasks| tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn shares_differ_by_at_most_one_and_hold_every_kind() {
        let all = tasks(&["0_0", "0_1", "1_0", "1_1"]);
        assert_eq!(shown(&share_out(&all, &BTreeMap::new(), 2)), ["0_0 1_0", "0_1 1_1"]);
        assert_eq!(shown(&share_out(&all, &BTreeMap::new(), 3)), ["0_0 1_1", "0_1", "1_0"]);
    }

    #[test]
    fn a_task_stays_where_it_was() {
        let all = tasks(&["0_0", "0_1", "0_2", "0_3"]);
        let previous = [("0_3", 0), ("0_2", 0), ("0_1", 0)]
            .into_iter()
            .flat_map(|(task, worker)| tasks(&[task]).into_iter().map(move |task| (task, worker)))
            .collect();
        assert_eq!(shown(&share_out(&all, &previous, 2)), ["0_1 0_2", "0_0 0_3"]);
    }
}
