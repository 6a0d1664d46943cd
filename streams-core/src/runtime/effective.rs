//! The runtime's settings as the configuration that would lead to them.

use super::Settings;
use crate::config::{OffsetReset, StreamsConfig};

impl Settings {
    /// This, in `base`. What the runtime does not read itself, such as the settings of clients, stays as it is there.
    pub(crate) fn as_config(&self, base: &StreamsConfig) -> StreamsConfig {
        StreamsConfig {
            num_stream_threads: self.workers,
            processing_guarantee: self.guarantee,
            commit_interval: self.commit_interval,
            statestore_cache_max_bytes: self.cache_bytes,
            statestore_uncommitted_max_bytes: self.uncommitted_bytes,
            state_dir: self.state_dir.clone(),
            max_task_idle: self.task_idle,
            event_time_alignment: self.event_time_alignment,
            buffered_records_per_partition: self.buffered_records,
            input_buffer_max_bytes: self.input_buffer_bytes,
            memory_max_bytes: self.memory_bytes,
            replication_factor: self.replication,
            auto_offset_reset: match (self.offset_reset, self.out_of_range) {
                (OffsetReset::Earliest, OffsetReset::None) => None,
                (reset, _) => Some(reset),
            },
            timestamps: self.timestamps,
            isolation_level: self.isolation_level,
            create_internal_topics: self.create_internal_topics,
            on_changelog_loss: self.on_changelog_loss,
            topology_optimization: self.optimizations,
            errors: self.errors.clone(),
            session_timeout: self.session_timeout,
            max_poll_interval: self.rebalance_timeout,
            transaction_timeout: self.transaction_timeout,
            task_timeout: self.task_timeout,
            task_stall_timeout: self.task_stall_timeout,
            task_stall: self.task_stall,
            handler_stop_timeout: self.handler_stop_timeout,
            recording_level: self.recording_level,
            poll: self.poll,
            metadata_max_age: self.metadata_max_age,
            client_id: self.client_id.clone(),
            ..base.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Layers;
    use crate::runtime::Settings;

    /// A setting that is missing in either direction has its default afterwards.
    #[test]
    fn settings_come_back_as_the_configuration_that_they_were_made_of() {
        let changed = [
            ("client.id", "till"),
            ("num.stream.threads", "3"),
            ("processing.guarantee", "exactly_once_v2"),
            ("commit.interval.ms", "70"),
            ("statestore.cache.max.bytes", "1 MiB"),
            ("statestore.uncommitted.max.bytes", "2 MiB"),
            ("state.dir", "/srv/state"),
            ("max.task.idle.ms", "-1"),
            ("event.time.alignment", "5s"),
            ("buffered.records.per.partition", "17"),
            ("input.buffer.max.bytes", "3 MiB"),
            ("memory.max.bytes", "64 MiB"),
            ("poll.ms", "20"),
            ("metadata.max.age.ms", "30s"),
            ("replication.factor", "3"),
            ("auto.offset.reset", "latest"),
            ("default.timestamp.extractor", "skip"),
            ("consumer.isolation.level", "read_committed"),
            ("internal.topics.create", "always"),
            ("on.changelog.loss", "rebuild"),
            ("deserialization.exception.handler", "skip"),
            ("session.timeout.ms", "31s"),
            ("max.poll.interval.ms", "41s"),
            ("transaction.timeout.ms", "7s"),
            ("task.timeout.ms", "51s"),
            ("task.stall.timeout.ms", "61s"),
            ("task.stall.handler", "leave"),
            ("handler.stop.timeout.ms", "3s"),
            ("metrics.recording.level", "debug"),
            ("topology.optimization", "all"),
        ];
        let layers = Layers::new().set("application.id", "shop");
        let defaults = layers.clone().read().expect("a configuration");
        for (name, value) in changed {
            let config = layers.clone().set(name, value).read().expect(name);
            assert_ne!(config.to_string(), defaults.to_string(), "{name} has this value by default");
            assert_eq!(
                Settings::from(&config).as_config(&defaults).to_string().replace("code", "default"),
                config.to_string().replace("code", "default"),
                "{name}"
            );
        }
        assert_eq!(Settings::from(&defaults).as_config(&defaults), defaults);
    }
}
