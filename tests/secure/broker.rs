//! The broker of this suite, its users and their rights.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use millstream::prelude::*;
use millstream::testing::log_contract::unique_prefix;
use millstream_tests::PATIENCE;
use millstream_tests::kafka::OwnCluster;
use millstream_tests::program::Program;
use millstream_tests::records::TopicOf;
use tempfile::TempDir;

/// How long an application may take to end with an error. Nothing that is wrong is found out by waiting for it.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// One secured broker, which the tests of a process share.
pub(crate) struct Broker {
    cluster: OwnCluster,
    /// The settings of the users, and certificates.
    folder: PathBuf,
    /// An address at which everything is allowed.
    plain: Kafka,
}

impl Broker {
    /// The running broker. It ends with the last test that uses it.
    pub(crate) fn shared() -> Arc<Self> {
        static BROKER: Mutex<Weak<Broker>> = Mutex::new(Weak::new());
        let mut shared = BROKER.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let broker = Arc::new(Self::start("secure"));
            *shared = Arc::downgrade(&broker);
            broker
        })
    }

    /// A broker with that name; whoever needs one for itself has another name.
    pub(crate) fn start(name: &str) -> Self {
        let cluster = OwnCluster::start_secured(name);
        let (folder, plain) = (cluster.folder(), Kafka::at(cluster.bootstrap_servers()));
        let broker = Self { cluster, folder, plain };
        // What an application needs, and no more.
        let (read, write, describe) = (["--operation", "Read"], ["--operation", "Write"], ["--operation", "Describe"]);
        let rest = ["--operation", "Create", "--operation", "DescribeConfigs", "--operation", "Delete", "--topic", "*"];
        let everything = ["--operation", "All", "--topic", "*", "--group", "*", "--transactional-id", "*"];
        let rights = [
            ("alice", [&read[..], &write, &describe, &rest].concat()),
            ("alice", [&read[..], &["--group", "*"]].concat()),
            ("alice", [&write[..], &["--transactional-id", "*"]].concat()),
            ("bob", everything.to_vec()),
        ];
        std::thread::scope(|scope| {
            for (user, rights) in &rights {
                scope.spawn(|| broker.allow(user, rights));
            }
        });
        broker
    }

    /// Ends the broker like a crash and starts it again.
    pub(crate) fn restart(&self) {
        self.cluster.kill(1);
        self.cluster.revive();
    }

    /// Gives a user rights, in the words of Kafka's own command.
    fn allow(&self, user: &str, rights: &[&str]) {
        self.change_rights("--allow-principal", user, rights);
    }

    /// Forbids a user what everything else allows.
    pub(crate) fn deny(&self, user: &str, rights: &[&str]) {
        self.change_rights("--deny-principal", user, rights);
    }

    fn change_rights(&self, how: &str, user: &str, rights: &[&str]) {
        let (class, user) = ("org.apache.kafka.tools.AclCommand", format!("User:{user}"));
        let command = ["--bootstrap-server", self.cluster.bootstrap_servers(), "--add", how, &user];
        self.cluster.exec(class, &[&command, rights].concat()).unwrap_or_else(|error| panic!("{class}: {error}"));
    }

    /// Writes lines into an application's input.
    pub(crate) fn write(&self, id: &str, lines: &[&str]) {
        let topic = Topic::<(), String>::named(format!("{id}-lines")).expect("a name");
        let client = Client::new(self.plain.clone()).expect("a client");
        client.send_all(&topic, lines.iter().map(|line| ((), (*line).to_owned()))).expect("sent");
    }

    /// Waits until an application has counted its words.
    pub(crate) fn until_counted(&self, id: &str, process: &Process, expected: &[(&str, i64)]) {
        let expected: BTreeMap<_, _> = expected.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
        let began = Instant::now();
        while self.counts(id) != expected {
            assert!(process.program.ended().is_none(), "{}", process.program.last_lines());
            assert!(began.elapsed() < PATIENCE, "{:?}", self.counts(id));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The settings of a user.
    pub(crate) fn settings_of(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.properties"))
    }

    /// A certificate that the broker does not have and that has signed nobody's.
    pub(crate) fn strange_certificate(&self) -> PathBuf {
        self.folder.join("client.pem")
    }

    /// The address of the secured listener.
    pub(crate) fn address(&self) -> String {
        let settings = std::fs::read_to_string(self.settings_of("alice")).expect("settings");
        let value = settings.lines().find_map(|line| line.strip_prefix("bootstrap.servers="));
        value.expect("an address").to_owned()
    }

    /// A new application's id, whose two topics exist.
    pub(crate) fn application(&self) -> String {
        let id = unique_prefix();
        for topic in ["lines", "counts"] {
            let _ = TopicOf::create(&self.plain, &format!("{id}-{topic}"), 2);
        }
        id
    }

    /// The output of an application so far: the last count of each word.
    fn counts(&self, id: &str) -> BTreeMap<String, i64> {
        let topic = Topic::<String, i64>::named(format!("{id}-counts")).expect("a name");
        let client = Client::new(self.plain.clone()).expect("a client");
        let records = client.records(&topic).expect("records").map(|received| received.expect("a record").record);
        records.map(|record| (record.key, record.value)).collect()
    }
}

/// A process of the program `secure-app`, with its state in a folder of its own.
pub(crate) struct Process {
    pub(crate) program: Program,
    pub(crate) folder: TempDir,
}

impl Process {
    pub(crate) fn start(id: &str, config: &Path, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_secure-app"));
        command.args(["--id", id, "--config"]).arg(config).args(arguments);
        command.arg("--state-dir").arg(folder.path().join("state"));
        Self { program: Program::start("secure-app", &mut command), folder }
    }

    /// Asks it to end, waits for that, and returns what it has said.
    pub(crate) fn stopped(&self) -> Vec<String> {
        self.program.terminate();
        self.program.until("its end", |lines| lines.iter().any(|line| line == "ended").then(|| lines.to_vec()))
    }

    /// Waits until it has ended with an error, and returns what it has said.
    pub(crate) fn failed(&self) -> Vec<String> {
        let began = Instant::now();
        loop {
            match self.program.ended() {
                Some(status) => {
                    assert!(!status.success(), "{}", self.program.last_lines());
                    return self.program.until("its error", |lines| {
                        lines.iter().any(|line| line.starts_with("error in full: ")).then(|| lines.to_vec())
                    });
                }
                None => assert!(began.elapsed() < SOON, "it has not ended\n{}", self.program.last_lines()),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
