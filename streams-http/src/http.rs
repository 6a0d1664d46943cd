//! What is served, and how.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use prometheus::proto::MetricType;
use streams_core::runtime::Handle;
use tokio::sync::Semaphore;

use crate::asked::AskedStores;
use crate::guards::Guards;
use crate::lag::LagKeeper;
use crate::limits::Limits;
use crate::live::Gallery;
use crate::log::LogKeeper;
use crate::metrics::own::{self, OwnMetric};
use crate::page::Page;
use crate::peers::{AllowedPeers, Peers};
use crate::refusal::Refusal;
use crate::routes::dead_letters::put_back::PutBack;
use crate::served::{Served, ServedParts};
use crate::server::HttpServer;
use crate::token::Token;
use crate::{HttpError, routes};

/// Where the server listens unless it is told otherwise.
const ADDRESS: &str = "127.0.0.1:7070";

/// A running application over HTTP. See the [module](crate) for who may ask.
///
/// | route | answer |
/// | --- | --- |
/// | `GET /livez` | 200 while it is alive, also while it starts, restores or moves tasks; otherwise 503, and a restart may help |
/// | `GET /readyz` | 200 while all its tasks run, otherwise 503 |
/// | `GET /metrics` | for Prometheus, with [the program's own](Http::gauge) |
/// | `GET /api/app` | id, state, guarantee, and the error that ended it |
/// | `GET /api/config` | every setting and where it comes from, without secrets |
/// | `GET /api/live` | the [tiles](streams_core::dsl::live) of its tables |
/// | `GET /api/live/stream` | their pictures, as server-sent events |
/// | `GET /` | the [dashboard](Http::dashboard), a page that shows all of this |
/// | `GET /api/topology/drawing` | where a page draws its parts |
/// | `GET /api/topology` | JSON, or `?format=text`, `mermaid`, `dot` |
/// | `GET /api/stores` | the stores, with their types and an example of a key |
/// | `GET /api/stores/{store}` | rows: of a key, from one key to another, in a period, page by page |
/// | `GET /api/stores/{store}/{key}` | the row of a key |
/// | `GET /api/stores/{store}/stream` | rows and from then on their changes, as server-sent events |
/// | `GET /api/tasks` | each task with its positions and lag, in records and in time |
/// | `GET /api/dead-letters` | the newest dead letters first, page by page |
/// | `GET /api/dead-letters/{partition}/{offset}` | one of them |
/// | `GET /api/topics` | the topics, their partitions, and how far the application has come in them |
/// | `GET /api/topics/{topic}` | one of them, its types and settings |
/// | `GET /api/topics/{topic}/records` | records, and with `?wait=10s` those that are still to come |
/// | `GET /api/instances` | who runs the application; with `?tasks=true` what each does, with `?app=true` which version each is |
/// | `GET /api/openapi.json` | all of these, described for programs |
/// | `POST /api/app/pause`, `resume`, `stop` | with [`Http::allow_actions`] |
/// | `POST /api/dead-letters/{partition}/{offset}/replay` | puts one back where it came from; with [`Http::allow_actions`] |
/// | `POST /api/dead-letters/replay` | puts all back that were not; with [`Http::allow_actions`] |
/// | `POST /api/topics/{topic}/records` | writes records; with [`Http::allow_actions`] |
/// | `POST /api/topics` | creates a topic; with [`Http::allow_actions`] and [`Http::all_topics`] |
///
/// ```
/// use millstream::prelude::*;
///
/// const LINES: Topic<String, String> = Topic::new("lines");
/// const SHOUTED: Topic<String, String> = Topic::new("shouted");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(LINES).map_values(|line| line.to_uppercase()).to(SHOUTED);
///
/// let running = App::new("shouter", builder.build()?).start(Embedded::in_memory())?;
/// let http = Http::of(&running).bind("127.0.0.1:0").token("from-a-secret").allow_actions(true).start()?;
/// assert!(http.url().starts_with("http://127.0.0.1:"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Http {
    app: Handle,
    address: String,
    token: Option<String>,
    hosts: Vec<String>,
    allows_actions: bool,
    allows_all_topics: bool,
    ready_within: Option<u64>,
    /// Where others can ask, if the operator has said it.
    endpoint: Option<String>,
    peers: Vec<String>,
    /// Whether people and other instances hear of it.
    is_told: bool,
    limits: Limits,
    /// What the program serves beside this crate's routes.
    routes: Router,
    /// Paths of those that pages of other servers may use.
    open_to_pages: Vec<String>,
    has_dashboard: bool,
    /// The program's own modules for the page, with their names.
    panels: Vec<(String, String)>,
    /// The program's own metrics.
    own_metrics: Vec<OwnMetric>,
}

impl Http {
    /// Serves this application. A [`Running`](streams_core::runtime::Running) is a handle, too. What the application was
    /// configured with (`query.server.bind`, `query.server.token`, `ui.allow.actions`) holds unless the methods below say
    /// otherwise.
    pub fn of(app: &Handle) -> Self {
        let config = app.about().config();
        Self {
            app: app.clone(),
            address: config.query_server_bind.clone().unwrap_or_else(|| ADDRESS.to_owned()),
            token: config.query_server_token.as_ref().map(|token| token.expose().to_owned()),
            hosts: Vec::new(),
            allows_actions: config.ui_allow_actions,
            allows_all_topics: false,
            ready_within: None,
            endpoint: config.application_server.clone(),
            peers: config.query_server_peers.clone(),
            is_told: true,
            limits: Limits::of_this_process(),
            routes: Router::new(),
            open_to_pages: Vec::new(),
            has_dashboard: config.ui_enabled,
            panels: Vec::new(),
            own_metrics: Vec::new(),
        }
    }

    /// Where [`Http::start`] listens (`query.server.bind`), `127.0.0.1:7070` unless set. If the port is in use, the next one that is not is taken;
    /// port 0 is any. [`HttpServer::address`] says which one it is.
    pub fn bind(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
        self
    }

    /// What requests have to send as `Authorization: Bearer <token>` (`query.server.token`). It is shown nowhere. `/livez` and `/readyz` do
    /// without, because those who probe a process often cannot send it.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// A host under whose name requests may be sent, without its port. As long as there is neither a token nor such a
    /// name, only names of this machine work: `localhost`, `127.0.0.1`, `[::1]`.
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Whether requests may change something (`ui.allow.actions`): pause, resume and stop the application, put dead letters back,
    /// and write records into its input topics and others that are not internal. They may not unless this says so.
    pub const fn allow_actions(mut self, allows: bool) -> Self {
        self.allows_actions = allows;
        self
    }

    /// Whether requests may also read topics of the same log that the application does not use, and write them if actions are
    /// allowed. They may not unless this says so, because the application may see more of a cluster than those who ask it.
    pub const fn all_topics(mut self, allows: bool) -> Self {
        self.allows_all_topics = allows;
        self
    }

    /// Whether there is a page at `/` that shows the application in a browser (`ui.enabled`): the [tiles](streams_core::dsl::live) of
    /// its tables, its topology, stores, tasks, dead letters and settings. There is, unless this says otherwise. It holds no
    /// data itself; where there is a token, it asks for it. [`Http::router`] has no page.
    pub const fn dashboard(mut self, is_there: bool) -> Self {
        self.has_dashboard = is_there;
        self
    }

    /// Adds something of the program's own to the page, above the tiles: an ES module with this text, which is served at
    /// `/panels/<name>.js`. It exports a function `show(element, api)` that fills the element. `api.get(path)` and
    /// `api.post(path, body)` ask this server, with the token if there is one, and give JSON; `api.events(path, on)` calls
    /// `on(name, data)` for each server-sent event and connects again when that is needed. Scripts and styles of other
    /// servers are not loaded, nor are those that are written into elements. Without a token everybody who may ask the
    /// server can read the module, and with one everybody who reaches it.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const CLICKS: Topic<String, i64> = Topic::new("clicks");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(CLICKS).group_by_key().count().live(|tile| tile.bars("Clicks"));
    /// let running = App::new("clicks", builder.build()?).start(Embedded::in_memory())?;
    ///
    /// let pause = "export function show(element, api) {
    ///     const button = element.appendChild(document.createElement('button'));
    ///     button.textContent = 'Pause';
    ///     button.addEventListener('click', () => api.post('/api/app/pause'));
    /// }";
    /// let http = Http::of(&running).bind("127.0.0.1:0").allow_actions(true).panel("pause", pause).start()?;
    /// println!("open {}", http.url());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn panel(mut self, name: impl Into<String>, script: impl Into<String>) -> Self {
        self.panels.push((name.into(), script.into()));
        self
    }

    /// The application is ready only as long as each of its input partitions has at most that many records that are not
    /// processed. Without this, lag does not matter.
    pub const fn ready_within(mut self, records: u64) -> Self {
        self.ready_within = Some(records);
        self
    }

    /// Adds a metric of the program's own to `/metrics`: numbers that may rise and fall, such as one that the application has
    /// computed. At each scrape, `read` says the values, each with the values of the labels; without labels there is one.
    ///
    /// Every value of a label is a time series of Prometheus, so there should be few, and none that outsiders choose. Each
    /// instance shows what it knows: ask for [`.local()`](streams_core::query::KeyValues::local) rows where Prometheus scrapes
    /// all instances. A metric that cannot be read within a second is left out of that scrape, and a warning says so.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::query::QueryError;
    /// use millstream::runtime::Handle;
    ///
    /// const ORDERS: Topic<String, i64> = Topic::new("orders");
    /// const PER_SHOP: KeyValueStore<String, i64> = KeyValueStore::new("orders-per-shop");
    ///
    /// async fn per_shop(app: Handle) -> Result<Vec<([String; 1], f64)>, QueryError> {
    ///     let rows = app.query(&PER_SHOP)?.local().all().await?;
    ///     Ok(rows.into_iter().map(|(shop, orders)| ([shop], orders as f64)).collect())
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(ORDERS).group_by_key().count().stored_as(PER_SHOP);
    /// let log = Embedded::in_memory();
    /// log.create_topic("orders", 1)?;
    /// let running = App::new("orders", builder.build()?).start(log)?;
    ///
    /// let app = running.handle();
    /// let http = Http::of(&running).bind("127.0.0.1:0");
    /// let http = http.counter("shop_orders_total", "Orders, by shop.", ["shop"], move || per_shop(app.clone())).start()?;
    /// println!("curl {}/metrics", http.url());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A name that is not Prometheus', begins with `kstream_`, or is there twice is an error of [`Http::start`] and
    /// [`Http::router`].
    pub fn gauge<const N: usize, F, E>(
        self,
        name: impl Into<String>,
        help: impl Into<String>,
        labels: [&str; N],
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<([String; N], f64)>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.metric(OwnMetric::new(MetricType::GAUGE, (name.into(), help.into()), labels, read))
    }

    /// As [`Http::gauge`], for numbers that only rise, such as how often something has happened. The name ends with `_total`.
    pub fn counter<const N: usize, F, E>(
        self,
        name: impl Into<String>,
        help: impl Into<String>,
        labels: [&str; N],
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<([String; N], f64)>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.metric(OwnMetric::new(MetricType::COUNTER, (name.into(), help.into()), labels, read))
    }

    fn metric(mut self, metric: OwnMetric) -> Self {
        self.own_metrics.push(metric);
        self
    }

    /// Routes of the program's own, which [`Http::start`] serves beside its own, behind the same guards: who is let in, how long
    /// and how large a body may be, how many requests at once. Where both have the same path, this crate's answers. Called
    /// again, it adds to those before.
    ///
    /// ```
    /// use axum::{Router, routing::post};
    /// use millstream::prelude::*;
    ///
    /// const CLICKS: Topic<String, i64> = Topic::new("clicks");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(CLICKS).group_by_key().count().stored_as(KeyValueStore::new("clicks-per-page"));
    /// let log = Embedded::in_memory();
    /// let running = App::new("clicks", builder.build()?).start(log.clone())?;
    ///
    /// let click = async move |page: String| match log.send(&CLICKS, page, 1) {
    ///     Ok(_) => "counted\n".to_owned(),
    ///     Err(error) => format!("{error}\n"),
    /// };
    /// let routes = Router::new().route("/click", post(click));
    /// let http = Http::of(&running).bind("127.0.0.1:0").routes(routes).open_to_pages("/click").start()?;
    /// println!("curl -d /home {}/click", http.url());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// When two of the program's own routes have the same path and method, as in [`Router::merge`].
    pub fn routes(mut self, routes: Router) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// Lets pages of other servers use one of the program's [own routes](Http::routes), which a browser does not do otherwise
    /// (CORS), for instance to send what a shop's visitors do. Anybody's page in a browser on this machine can use it then, so
    /// it should not tell anything nor do what cannot be undone.
    pub fn open_to_pages(mut self, path: impl Into<String>) -> Self {
        self.open_to_pages.push(path.into());
        self
    }

    /// Where other instances can ask this one, as in `10.0.0.7:7070` (`application.server`): unless set, the address that
    /// [`Http::start`] listens on. It is needed where that is all addresses of the machine (`0.0.0.0`), or others know it by
    /// another one, and for [`Http::router`].
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// To whom questions about rows of other instances may be carried, with the token, beside this machine
    /// (`query.server.peers`): a name, an ending of names such as `*.example.org`, an address, or a network such as
    /// `10.0.0.0/8`. Other instances are not asked; 421 then says where they are.
    pub fn allow_peer(mut self, peer: impl Into<String>) -> Self {
        self.peers.push(peer.into());
        self
    }

    /// Neither people nor other instances are told of it: for a server that is one process's own business.
    #[doc(hidden)]
    pub const fn untold(mut self) -> Self {
        self.is_told = false;
        self
    }

    /// For a server that the program has already: `your_router.merge(http.router()?)`. What [`Http::bind`] says does not
    /// matter then, nor do its [own routes](Http::routes), and so the program decides who can reach it; without a token,
    /// requests are answered only if they were sent to a name of this machine or to an [allowed](Http::allow_host) one.
    ///
    /// Questions are carried to other instances if this is called in the tokio runtime that serves it; these ask back if
    /// [`Http::endpoint`] says where.
    ///
    /// # Errors
    /// When the token cannot be sent in a header, a [peer](Http::allow_peer) is nobody, or a [metric](Http::gauge) has a
    /// name that it cannot have.
    pub fn router(self) -> Result<Router, HttpError> {
        let guards = self.guards()?;
        let served = self.served()?;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            served.peers.begin(&self.app, runtime);
        }
        if let Some(endpoint) = &self.endpoint {
            self.app.announce(endpoint);
        }
        Ok(guards.around(routes::all(served)))
    }

    /// Serves on threads of its own until the [`HttpServer`] is dropped.
    ///
    /// # Errors
    /// When the address cannot be listened on, when it can be reached from other machines and there is no token, when the
    /// token cannot be sent in a header, a [peer](Http::allow_peer) is nobody, or a [panel](Http::panel) or a
    /// [metric](Http::gauge) has a name that it cannot have.
    pub fn start(self) -> Result<HttpServer, HttpError> {
        self.check_panels()?;
        let guards = self.guards()?;
        let has_token = self.token.is_some();
        let own = self.routes.clone().method_not_allowed_fallback(async || Refusal::wrong_method());
        let own = own.fallback(async || Refusal::not_found());
        let served = self.served()?;
        let peers = served.peers.clone();
        let routes = routes::all(served).merge(self.page().routes()).fallback_service(own);
        let server = HttpServer::start(&self.app, guards.around(routes), (&self.address, has_token), self.limits)?;
        if !self.is_told {
            return Ok(server);
        }
        server.tell(&self.app);
        peers.begin(&self.app, server.runtime().clone());
        match self.endpoint.or_else(|| server.endpoint()) {
            Some(endpoint) => self.app.announce(&endpoint),
            None => {
                let address = server.address();
                tracing::info!(
                    %address,
                    "other instances are not told where this one can be asked, because it listens on all addresses; \
                     `application.server` says it"
                );
            }
        }
        Ok(server)
    }

    fn guards(&self) -> Result<Guards, HttpError> {
        let token = self.token.as_deref().map(Token::new).transpose()?;
        Ok(Guards::new(token, self.hosts.clone(), self.limits)
            .open_to_pages(self.open_to_pages.clone())
            .without_data(self.page().paths()))
    }

    /// Whether the names of panels can be those of files.
    fn check_panels(&self) -> Result<(), HttpError> {
        for (place, (name, _)) in self.panels.iter().enumerate() {
            let refused = |reason| Err(HttpError::Panel { name: name.clone(), reason });
            let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
            if name.is_empty() || !name.chars().all(is_plain) {
                return refused("its name is in a path and a file's");
            }
            if self.panels.iter().take(place).any(|(other, _)| other == name) {
                return refused("there is one with that name already");
            }
        }
        Ok(())
    }

    fn page(&self) -> Page {
        if self.has_dashboard { Page::new(&self.panels) } else { Page::default() }
    }

    fn served(&self) -> Result<Served, HttpError> {
        own::check(&self.own_metrics)?;
        let token = self.token.as_deref().map(Token::new).transpose()?;
        let allowed = AllowedPeers::parse(&self.peers)?;
        Ok(Arc::new(ServedParts {
            has_token: token.is_some(),
            peers: Peers::new(self.app.clone(), token, allowed),
            app: self.app.clone(),
            asked: AskedStores::new(self.app.about().clock()),
            lag: Arc::new(LagKeeper::new(self.app.clone())),
            log: Arc::new(LogKeeper::new(self.app.clone())),
            gallery: Gallery::new(self.app.clone()),
            panels: self.page().panels().into(),
            own_metrics: self.own_metrics.clone(),
            ready_within: self.ready_within,
            allows_actions: self.allows_actions,
            allows_all_topics: self.allows_all_topics,
            streams: Arc::new(Semaphore::new(self.limits.streams)),
            streams_max: self.limits.streams,
            peer_streams: Arc::new(Semaphore::new(self.limits.peer_streams)),
            waits: Arc::new(Semaphore::new(self.limits.waits)),
            put_back: PutBack::default(),
            replays: Arc::new(Semaphore::new(1)),
        }))
    }
}

/// Leaves out the token.
impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let application = self.app.about().application_id();
        f.debug_struct("Http")
            .field("application", &application)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
