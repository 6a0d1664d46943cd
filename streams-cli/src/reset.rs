//! `reset`: lets the application begin anew.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use streams_core::log::GroupMemberInfo;
use streams_core::private_folder::{FolderLock, Holder, LockError};
use streams_core::topic::TopicRef;

use crate::arguments::Place;
use crate::ask::{Asking, partitions_of};
use crate::failure::Failure;
use crate::output;
use crate::place::Need;
use crate::program::Program;

/// The file that a running application has locked in its state folder.
const LOCK_FILE: &str = ".lock";

/// `reset`.
#[derive(Debug, Args)]
pub struct Reset {
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,

    /// Print what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is there to be deleted.
struct Found {
    /// How many positions the group has committed.
    positions: usize,
    topics: Vec<String>,
    folder: Option<PathBuf>,
}

impl Found {
    const fn is_nothing(&self) -> bool {
        self.positions == 0 && self.topics.is_empty() && self.folder.is_none()
    }
}

/// Deletes what the application has of its own: changelogs and other internal topics, the state folder, and last the positions
/// of its group. In this order, because state without positions would be counted twice; positions without state are an error
/// that says so. Topics that others write or read stay as they are.
pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Reset) -> Result<(), Failure> {
    let asking = Asking::of(&program.log(Need::ToReset)?)?;
    refuse_members(&asking, program.id())?;
    let found = find(&asking, program)?;
    if !command.json {
        print(out, program.id(), &found)?;
    }
    let is_wished = !command.dry_run && !found.is_nothing() && (command.yes || ask(command)?);
    if is_wished {
        delete(&asking, program.id(), &found)?;
    }
    if command.json {
        let Found { positions, topics, folder } = &found;
        let json = json!({ "positions": positions, "topics": topics, "state_folder": folder, "deleted": is_wished });
        return Ok(output::pretty(out, &json)?);
    }
    match is_wished {
        true => writeln!(out, "deleted; the application begins anew")?,
        false if found.is_nothing() => {}
        false => writeln!(out, "nothing was deleted")?,
    }
    Ok(())
}

fn refuse_members(asking: &Asking, group: &str) -> Result<(), Failure> {
    let members = asking.ask("looking up the group's members", |admin| admin.group_members(group))?;
    if members.is_empty() {
        return Ok(());
    }
    let name = |member: &GroupMemberInfo| match member.host.as_str() {
        "" => format!("`{}`", member.client_id),
        host => format!("`{}` on {host}", member.client_id),
    };
    Err(Failure::because(format!(
        "the group `{group}` has members: {}; stop them first (one that was killed counts until its session has timed out)",
        members.iter().map(name).collect::<Vec<_>>().join(", ")
    )))
}

fn find(asking: &Asking, program: &Program<'_>) -> Result<Found, Failure> {
    let there = asking.topics(None)?;
    let internal = program.topology().internal_topics().iter();
    let internal = internal.map(|topic| TopicRef::Internal(topic.name.clone()).full_name(program.id()));
    let topics = internal.filter(|name| there.iter().any(|topic| *topic.name == **name)).map(|name| name.to_string());
    // Also of topics that an earlier topology has read.
    let partitions: Vec<_> = there.iter().flat_map(partitions_of).collect();
    let committed =
        asking.ask("looking up the group's positions", |admin| admin.committed(program.id(), partitions.clone()))?;
    let folder = program.config.state_dir.join(program.id());
    Ok(Found {
        positions: committed.iter().flatten().count(),
        topics: topics.collect(),
        folder: folder.is_dir().then_some(folder),
    })
}

fn print(out: &mut dyn Write, id: &str, found: &Found) -> io::Result<()> {
    let Found { positions, topics, folder } = found;
    if found.is_nothing() {
        return writeln!(out, "there is nothing of `{id}` to delete");
    }
    topics.iter().try_for_each(|topic| writeln!(out, "topic {topic}"))?;
    folder.iter().try_for_each(|folder| writeln!(out, "state folder {}", folder.display()))?;
    if *positions > 0 {
        writeln!(out, "{positions} positions of the group {id}")?;
    }
    Ok(())
}

fn ask(command: &Reset) -> Result<bool, Failure> {
    if command.json || !io::stdin().is_terminal() {
        return Err(Failure::because("nothing was deleted: say `--yes` to delete this, or `--dry-run` to look only"));
    }
    write!(io::stderr(), "delete all this? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn delete(asking: &Asking, group: &str, found: &Found) -> Result<(), Failure> {
    // Whoever has it open would write it again, and read what is no longer there.
    let lock = found.folder.as_deref().map(hold).transpose()?;
    if !found.topics.is_empty() {
        let deleted = asking.ask("deleting topics", |admin| admin.delete_topics(found.topics.clone()))?;
        deleted.into_iter().collect::<Result<Vec<()>, _>>()?;
    }
    if let Some(folder) = &found.folder {
        let failed = |error| Failure::because(format!("{}: it cannot be deleted: {error}", folder.display()));
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    drop(lock);
    asking.ask("forgetting the group", |admin| admin.delete_group(group))
}

fn hold(folder: &Path) -> Result<FolderLock, Failure> {
    FolderLock::hold(folder, LOCK_FILE).map_err(|error| {
        let reason = match error {
            LockError::InUse(Holder::ThisProcess) => "this process has it open".to_owned(),
            LockError::InUse(holder) => format!("it is in use by {holder}; stop that first"),
            LockError::Io(error) => error.to_string(),
        };
        Failure::because(format!("state in {}: {reason}", folder.display()))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use streams_core::dsl::StreamsBuilder;
    use streams_core::log::{Embedded, Log};
    use streams_core::runtime::App;
    use streams_core::topic::Topic;

    use super::*;

    #[test]
    fn a_group_with_members_is_refused_with_their_names() {
        let log = Embedded::in_memory();
        log.create_topic("orders", 1).expect("a new topic");
        let asking = Asking::of(&(Arc::new(log.clone()) as Arc<dyn Log>)).expect("a log");
        assert!(refuse_members(&asking, "orders").is_ok());

        let builder = StreamsBuilder::new();
        builder.stream(Topic::<(), String>::new("orders")).for_each(|(), _| {});
        let running = App::new("orders", builder.build().expect("a topology")).quiet().start(log).expect("it starts");
        running.wait_until_running().expect("it runs");
        let Err(Failure::Because(reason)) = refuse_members(&asking, "orders") else { panic!("refused") };
        assert!(reason.starts_with("the group `orders` has members: `"), "{reason}");
        assert!(reason.contains("; stop them first (one that was killed counts until"), "{reason}");

        running.close().expect("it ends");
        assert!(refuse_members(&asking, "orders").is_ok());
    }
}
