//! Settings of Java's Kafka Streams and its clients that this library does not have, each with what to do instead.

/// What to do instead of setting this, if it is a setting of Java's Kafka Streams.
pub(super) fn advice(name: &str) -> Option<&'static str> {
    STREAMS.iter().find(|(names, _)| names.contains(&name)).map(|(_, advice)| *advice).or_else(|| client_advice(name))
}

/// As [`advice`], for the settings of Java's consumers, producers and admin clients.
pub(super) fn client_advice(name: &str) -> Option<&'static str> {
    CLIENTS
        .iter()
        .find(|(names, _)| {
            names.iter().any(|known| match known.strip_suffix('*') {
                Some(stem) => name.starts_with(stem),
                None => name == *known,
            })
        })
        .map(|(_, advice)| *advice)
}

/// Every name in the table of Kafka Streams' own settings.
pub(super) fn streams_names() -> impl Iterator<Item = &'static str> {
    STREAMS.iter().flat_map(|(names, _)| names.iter().copied())
}

/// Every complete name in the table of the clients' settings.
pub(super) fn client_names() -> impl Iterator<Item = &'static str> {
    CLIENTS.iter().flat_map(|(names, _)| names.iter().copied()).filter(|name| !name.ends_with('*'))
}

const TYPES_CHOOSE: &str = "a topic's and a store's types choose the format: `Topic<String, i64>`, `#[derive(Value)]`";
const IN_CODE: &str = "Java names a class here; the state backend is chosen in code, with `App::state_in`, and for a single \
     store with `.in_memory()`";
const NO_CLASSES: &str = "there is no replacement for it yet; leave it out";
const NO_STANDBYS: &str = "there are no standby tasks yet; state is restored from its changelog when a task moves";
const RANGE_ONLY: &str = "tasks are always assigned by Kafka's range assignor over the widest source topic";
const NOT_GLOBAL: &str = "a failure in a global processor always stops the application; leave it out";
const METRICS: &str = "metrics are not collected through reporters; leave it out";
const FOLDERS: &str = "nothing in the state folder is deleted by age; delete a task's folder when it is not needed";
const NO_OLDER: &str = "there is no older version with another format; leave it out";

/// Kafka Streams 4.3's own settings (and those announced for 4.4) that do not exist here.
const STREAMS: &[(&[&str], &str)] = &[
    (&["cache.max.bytes.buffering"], "Java's old name; write `statestore.cache.max.bytes`"),
    (
        &["default.deserialization.exception.handler"],
        "Java's old name; write `deserialization.exception.handler`, with `fail`, `skip` or `dead-letter`",
    ),
    (
        &["default.production.exception.handler"],
        "Java's old name; write `production.exception.handler`, with `fail`, `skip` or `dead-letter`",
    ),
    (&["processing.exception.handler.global.enabled"], NOT_GLOBAL),
    (
        &[
            "default.key.serde",
            "default.value.serde",
            "default.list.key.serde.inner",
            "default.list.key.serde.type",
            "default.list.value.serde.inner",
            "default.list.value.serde.type",
            "windowed.inner.class.serde",
            "window.size.ms",
        ],
        TYPES_CHOOSE,
    ),
    (&["default.dsl.store", "dsl.store.format", "dsl.store.suppliers.class", "rocksdb.config.setter"], IN_CODE),
    (&["default.client.supplier"], NO_CLASSES),
    (&["processor.wrapper.class"], "Java names a class here; `Topology::around_processors` takes a closure"),
    (
        &["num.standby.replicas", "acceptable.recovery.lag", "max.warmup.replicas", "probing.rebalance.interval.ms"],
        NO_STANDBYS,
    ),
    (
        &[
            "task.assignor.class",
            "group.protocol",
            "rack.aware.assignment.non_overlap_cost",
            "rack.aware.assignment.strategy",
            "rack.aware.assignment.tags",
            "rack.aware.assignment.traffic_cost",
        ],
        RANGE_ONLY,
    ),
    (&["allow.os.group.write.access"], "state folders belong to the user who runs the application"),
    (&["upgrade.from", "built.in.metrics.version"], NO_OLDER),
    (&["metrics.num.samples", "metrics.sample.window.ms", "metric.reporters"], METRICS),
    (&["log.summary.interval.ms"], "there is no such summary; choose what is logged with a `tracing` subscriber"),
    (
        &["ensure.explicit.internal.resource.naming"],
        "names are not enforced yet; `describe()` shows which are generated",
    ),
    (&["repartition.purge.interval.ms"], "repartition topics are purged by the engine, every 30 s; leave it out"),
    (
        &["windowstore.changelog.additional.retention.ms"],
        "it is always one day; a store's own changelog settings can set more",
    ),
    (&["state.cleanup.delay.ms", "state.cleanup.dir.max.age.ms"], FOLDERS),
    (&["config.providers"], "settings come from files and the environment; `KSTREAM_..._FILE` reads one from a file"),
    (
        &["enable.transactional.statestores"],
        "it is always on: uncommitted changes stay in memory, so no crash can leave them in a store",
    ),
    (&["default.interactive.query.isolation.level"], "each query says it with `.committed()`; leave it out"),
    (&["topology.description.push.enabled"], "the topology is not sent to brokers; leave it out"),
];

const TLS: &str = "Java's key stores cannot be read; write `ssl.ca.location` (who is trusted), and for your own \
                   certificate `ssl.certificate.location` and `ssl.key.location`, all PEM files";
const TLS_PEM: &str = "write `ssl.ca.pem` (who is trusted), `ssl.certificate.pem` and `ssl.key.pem`";
const TLS_LIBRARY: &str = "OpenSSL chooses it; `ssl.cipher.suites` and `ssl.sigalgs.list` narrow the choice";
const SASL_JAAS: &str = "there are no Java login modules; write `sasl.mechanism`, `sasl.username` and `sasl.password`, or \
                         `sasl.kerberos.keytab` and `sasl.kerberos.principal`";
const SASL_OAUTH: &str = "librdkafka gets its token with `sasl.oauthbearer.method = oidc`, `sasl.oauthbearer.client.id`, \
                          `.client.secret` and `.token.endpoint.url`";
const SERDES: &str = "clients transfer bytes; a topic's types choose the format";

/// Settings of Java's clients that librdkafka does not have. `*` stands for any ending.
const CLIENTS: &[(&[&str], &str)] = &[
    (&["sasl.jaas.config", "sasl.client.callback.handler.class", "sasl.login.*", "sasl.kerberos.ticket.*"], SASL_JAAS),
    (
        &[
            "sasl.oauthbearer.assertion.template.file",
            "sasl.oauthbearer.clock.skew.seconds",
            "sasl.oauthbearer.expected.*",
            "sasl.oauthbearer.header.urlencode",
            "sasl.oauthbearer.jwks.*",
            "sasl.oauthbearer.jwt.*",
            "sasl.oauthbearer.scope.claim.name",
            "sasl.oauthbearer.sub.claim.name",
        ],
        SASL_OAUTH,
    ),
    (&["ssl.truststore.certificates", "ssl.keystore.certificate.chain", "ssl.keystore.key"], TLS_PEM),
    (&["ssl.truststore.*", "ssl.keystore.type"], TLS),
    (
        &[
            "security.providers",
            "ssl.enabled.protocols",
            "ssl.engine.factory.class",
            "ssl.keymanager.algorithm",
            "ssl.protocol",
            "ssl.provider",
            "ssl.secure.random.implementation",
            "ssl.trustmanager.algorithm",
        ],
        TLS_LIBRARY,
    ),
    (&["key.serializer", "value.serializer", "key.deserializer", "value.deserializer"], SERDES),
    (&["interceptor.classes", "metric.reporters", "metrics.*"], METRICS),
    (&["config.providers"], "settings come from files and the environment; `KSTREAM_..._FILE` reads one from a file"),
    (
        &["max.poll.records"],
        "records are fetched in batches limited by bytes; `buffered.records.per.partition` limits how many are buffered",
    ),
    (&["fetch.max.wait.ms"], "librdkafka's name is `fetch.wait.max.ms`"),
    (&["receive.buffer.bytes"], "librdkafka's name is `socket.receive.buffer.bytes`"),
    (&["send.buffer.bytes"], "librdkafka's name is `socket.send.buffer.bytes`"),
    (&["default.api.timeout.ms"], "librdkafka's name is `socket.timeout.ms`; requests that time out are retried"),
    (&["socket.connection.setup.timeout.max.ms"], "librdkafka has one timeout, `socket.connection.setup.timeout.ms`"),
    (&["max.request.size"], "librdkafka's name is `message.max.bytes`"),
    (&["buffer.memory"], "librdkafka's name is `queue.buffering.max.kbytes`"),
    (&["max.block.ms"], "sending never blocks; a worker whose producer is full pauses until there is room"),
    (
        &["compression.gzip.level", "compression.lz4.level", "compression.zstd.level"],
        "librdkafka's name for all of them is `compression.level`",
    ),
    (&["metadata.max.idle.ms"], "librdkafka's name is `topic.metadata.refresh.interval.ms`"),
    (
        &["partitioner.*"],
        "a record's key determines its partition, as in Java: murmur2 of its bytes; another choice is made in the \
     topology, with `.partitioned_by(..)`",
    ),
    (&["transaction.two.phase.commit.enable"], "the engine manages transactions itself; leave it out"),
    (&["exclude.internal.topics"], "topics are read by name, not by pattern; leave it out"),
    (&["share.acknowledgement.mode", "share.acquire.mode"], "share groups are not used; leave it out"),
    (&["internal.throw.on.fetch.stable.offset.unsupported"], "it is internal to Java; leave it out"),
    (&["bootstrap.controllers"], "clients connect to brokers, not controllers; write `bootstrap.servers`"),
];
