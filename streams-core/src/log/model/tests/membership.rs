//! Groups whose members come and go at random: who may commit, and whether everything gets an owner.

use super::*;
use crate::log::GroupMetadata;
use crate::record::TopicPartition;

const PARTITIONS: u32 = 5;
const SESSION_MS: i64 = 1_000;
const REBALANCE_MS: i64 = 600;

/// What a member believes about itself.
struct Client {
    name: &'static str,
    id: Option<String>,
    held: Vec<TopicPartition>,
    metadata: Option<GroupMetadata>,
    asked: bool,
}

#[derive(Debug, Clone)]
enum Step {
    /// Joins if it is not a member, then processes its news.
    Poll(usize),
    GiveUp(usize),
    Leave(usize),
    /// Starts anew, as after a crash; a static member comes back as the same instance.
    Crash(usize),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..4usize).prop_map(Step::Poll),
        4 => (0..4usize).prop_map(Step::GiveUp),
        1 => (0..4usize).prop_map(Step::Leave),
        1 => (0..4usize).prop_map(Step::Crash),
        2 => (0..400i64).prop_map(Step::Wait),
    ]
}

impl Client {
    fn poll(&mut self, bench: &mut Bench, group: &Arc<str>) {
        let now = bench.now();
        bench.model.tick(now);
        let instance = self.instance_id();
        let name = self.name;
        let id = self.id.get_or_insert_with(|| {
            let wish = GroupMember {
                client_id: name.to_owned(),
                instance_id: instance.clone(),
                topics: [Arc::from("t")].into(),
                session_timeout: Duration::from_millis(SESSION_MS.unsigned_abs()),
                rebalance_timeout: Duration::from_millis(REBALANCE_MS.unsigned_abs()),
            };
            bench.model.join(now, group, wish).expect("joined")
        });
        match bench.model.heartbeat(now, group, id, instance.as_deref()) {
            MemberNews::Nothing => {}
            MemberNews::Assigned { held, metadata } => {
                assert!(self.held.is_empty() && !self.asked, "nothing is given before the last was given up");
                (self.held, self.metadata) = (held, Some(metadata));
            }
            MemberNews::Revoked { metadata, deadline } => {
                assert_eq!(Some(metadata), self.metadata);
                assert!(deadline <= Duration::from_millis(REBALANCE_MS.unsigned_abs()));
                self.asked = true;
            }
            MemberNews::Lost => (self.held, self.metadata, self.asked) = (Vec::new(), None, false),
            MemberNews::Unknown => self.forget(),
            MemberNews::Replaced => unreachable!("every client has its own name"),
        }
    }

    /// Two of the clients are static members.
    fn instance_id(&self) -> Option<String> {
        ["a", "d"].contains(&self.name).then(|| self.name.to_owned())
    }

    fn give_up(&mut self, bench: &mut Bench, group: &Arc<str>) {
        let now = bench.now();
        bench.model.tick(now);
        if let (Some(id), true) = (&self.id, self.asked) {
            bench.model.acknowledge_revoked(now, group, id);
            (self.held, self.metadata, self.asked) = (Vec::new(), None, false);
        }
    }

    fn leave(&mut self, bench: &mut Bench, group: &Arc<str>) {
        if let Some(id) = &self.id {
            bench.model.leave(bench.now(), group, id);
            self.forget();
        }
    }

    fn forget(&mut self) {
        (self.id, self.held, self.metadata, self.asked) = (None, Vec::new(), None, false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Members come, go, hesitate and die in any order. At no time may two members that believe they hold a partition
    /// both commit its position. When things have settled, each partition has exactly one owner, by range in the order of
    /// the members' names.
    #[test]
    fn a_partition_has_one_owner_who_may_commit(steps in prop::collection::vec(step(), 1..150)) {
        let mut bench = Bench::new();
        bench.topic("t", PARTITIONS, &[]);
        let group: Arc<str> = "group".into();
        let mut clients = ["c", "a", "d", "b"]
            .map(|name| Client { name, id: None, held: Vec::new(), metadata: None, asked: false });
        let mut generation = 0;
        for step in steps {
            match step {
                Step::Poll(client) => clients[client].poll(&mut bench, &group),
                Step::GiveUp(client) => clients[client].give_up(&mut bench, &group),
                Step::Leave(client) => clients[client].leave(&mut bench, &group),
                Step::Crash(client) => clients[client].forget(),
                Step::Wait(ms) => {
                    bench.now_ms += ms;
                    bench.model.tick(bench.now());
                }
            }
            let mut owned = BTreeSet::new();
            for client in &clients {
                let Some(metadata) = &client.metadata else { continue };
                if bench.model.commit(metadata, &[]).is_ok() {
                    for partition in &client.held {
                        prop_assert!(owned.insert(partition), "{} has two owners", partition);
                    }
                }
            }
            prop_assert!(bench.model.generation(&group) >= generation, "generations never go back");
            generation = bench.model.generation(&group);
        }
        for _ in 0..40 {
            bench.now_ms += 100;
            for client in &mut clients {
                client.poll(&mut bench, &group);
                client.give_up(&mut bench, &group);
            }
        }
        clients.sort_by_key(|client| client.name);
        let held: Vec<Vec<i32>> = clients
            .iter()
            .map(|client| client.held.iter().map(|partition| partition.partition.0).collect())
            .collect();
        prop_assert_eq!(held, [vec![0, 1], vec![2], vec![3], vec![4]]);
        let generations: BTreeSet<_> = clients.iter().filter_map(|client| Some(client.metadata.as_ref()?.generation)).collect();
        prop_assert_eq!(generations, BTreeSet::from([bench.model.generation(&group)]));
    }
}

#[test]
fn a_new_topic_is_shared_out_among_those_who_wait_for_it() {
    let mut bench = Bench::new();
    let group: Arc<str> = "group".into();
    let mut client = Client { name: "a", id: None, held: Vec::new(), metadata: None, asked: false };
    client.poll(&mut bench, &group);
    assert_eq!((client.held.len(), client.metadata.is_some()), (0, true), "a member of a topic that is not there yet");
    bench.topic("t", 2, &[]);
    for _ in 0..3 {
        client.poll(&mut bench, &group);
        client.give_up(&mut bench, &group);
    }
    assert_eq!(client.held, [TopicPartition::new("t", 0), TopicPartition::new("t", 1)]);
    bench.model.delete_topic(bench.now(), "t").expect("deleted");
    for _ in 0..3 {
        client.poll(&mut bench, &group);
        client.give_up(&mut bench, &group);
    }
    assert_eq!(client.held, []);
}
