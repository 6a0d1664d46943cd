//! Who is let in and what a request may cost, decided before any route sees it.
//!
//! From the outside in: `panics.rs` answers for a route that panics, `host.rs` refuses requests that were sent to somebody
//! else's name, `pages.rs` lets pages of others use what is open to them, `bearer.rs` asks for the token, `origin.rs` refuses what a page of somebody else wants to change, `places.rs`
//! limits how many are worked on at once, and `body.rs` how long and how large a body may be.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::limits::Limits;
use crate::page::MayBeKept;
use crate::refusal::Refusal;
use crate::token::Token;

mod bearer;
mod body;
mod host;
mod origin;
mod pages;
mod panics;
mod places;

/// What the guards go by.
#[derive(Clone)]
pub(crate) struct Guards {
    token: Option<Token>,
    hosts: Arc<[String]>,
    limits: Limits,
    /// Paths that pages of other servers may use.
    open_to_pages: Arc<[String]>,
    /// Paths that hold no data, and so need no token.
    without_data: Arc<[String]>,
    places: Arc<Semaphore>,
    peer_places: Arc<Semaphore>,
}

impl Guards {
    pub(crate) fn new(token: Option<Token>, hosts: Vec<String>, limits: Limits) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        let (places, peer_places) = (places(limits.requests), places(limits.peer_requests));
        Self {
            token,
            hosts: hosts.into(),
            limits,
            open_to_pages: Arc::default(),
            without_data: Arc::default(),
            places,
            peer_places,
        }
    }

    /// Lets pages of other servers use these paths.
    pub(crate) fn open_to_pages(self, paths: Vec<String>) -> Self {
        Self { open_to_pages: paths.into(), ..self }
    }

    /// Answers for these paths hold no data, so that nobody needs a token for them.
    pub(crate) fn without_data(self, paths: Vec<String>) -> Self {
        Self { without_data: paths.into(), ..self }
    }

    /// Puts the guards around routes. They are one layer, because each costs every request some copies.
    pub(crate) fn around(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::new(self.clone()), are_passed))
    }

    async fn pass(&self, request: Request, next: Next) -> Response {
        if let Err(refusal) = host::is_ours(self, &request) {
            return refusal.into_response();
        }
        if !self.is_open_to_pages(&request) {
            return self.admit(request, next).await.unwrap_or_else(IntoResponse::into_response);
        }
        let response = match pages::ask_in_advance(&request) {
            true => pages::answer_in_advance(),
            false => self.admit(request, next).await.unwrap_or_else(IntoResponse::into_response),
        };
        pages::open(response)
    }

    async fn admit(&self, request: Request, next: Next) -> Result<Response, Refusal> {
        bearer::has_token(self, &request)?;
        origin::is_ours(self, &request)?;
        let _place = places::take(self, &request)?;
        let request = body::read(self, request).await?;
        Ok(next.run(request).await)
    }
}

async fn are_passed(State(guards): State<Arc<Guards>>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    label(panics::answered(&uri, guards.pass(request, next)).await)
}

/// Says of every answer that it is not to be kept, unless it is a file of the page, and is nothing but what it says it is.
fn label(mut response: Response) -> Response {
    let may_be_kept = response.extensions().get::<MayBeKept>().is_some();
    let headers = response.headers_mut();
    if !may_be_kept {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether whoever probes a process has to be answered without a token.
fn is_probe(request: &Request) -> bool {
    matches!(request.uri().path(), "/livez" | "/readyz")
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes, to_bytes};
    use axum::http::{Request as Incoming, StatusCode};
    use axum::routing::{get, post};
    use futures::future::join_all;
    use futures::stream;
    use tokio::sync::Barrier;
    use tower::Service as _;

    use super::*;

    /// What a request is answered with, through all guards.
    async fn answer(routes: &Router, request: Incoming<Body>) -> (StatusCode, String) {
        let mut routes = routes.clone();
        let answer = tokio::time::timeout(Limits::DEFAULT.read * 3, routes.call(request)).await;
        let Ok(Ok(response)) = answer else { panic!("no answer") };
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    fn request(path: &str, body: Body) -> Incoming<Body> {
        let method = if path == "/post" { "POST" } else { "GET" };
        Incoming::builder().method(method).uri(path).header("Host", "localhost").body(body).expect("a request")
    }

    fn around(routes: Router) -> Router {
        Guards::new(None, Vec::new(), Limits::DEFAULT).around(routes)
    }

    #[tokio::test]
    async fn a_panic_is_answered_without_its_message() {
        let routes = around(Router::new().route("/", get(async || -> &'static str { panic!("the canary sings") })));
        let (status, body) = answer(&routes, request("/", Body::empty())).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.starts_with(r#"{"error":{"code":"internal","message":"#), "{body}");
        assert!(!body.contains("canary"), "{body}");
    }

    #[tokio::test]
    async fn there_are_places_for_so_many_requests_and_always_one_for_a_probe() {
        let places = Limits::DEFAULT.requests;
        let barrier = Arc::new(Barrier::new(places + 1));
        let waits = Arc::clone(&barrier);
        let slow = get(async move || {
            waits.wait().await;
            "done"
        });
        let routes = around(Router::new().route("/slow", slow).route("/", get("quick")).route("/livez", get("alive")));
        let asked = join_all((0..places).map(|_| answer(&routes, request("/slow", Body::empty()))));
        let beyond = async {
            let busy = answer(&routes, request("/", Body::empty())).await;
            assert_eq!(busy.0, StatusCode::SERVICE_UNAVAILABLE);
            assert!(busy.1.starts_with(r#"{"error":{"code":"busy""#), "{busy:?}");
            assert_eq!(answer(&routes, request("/livez", Body::empty())).await.1, "alive");
            barrier.wait().await;
        };
        let (answers, ()) = futures::join!(asked, beyond);
        assert!(answers.iter().all(|(status, body)| (*status, body.as_str()) == (StatusCode::OK, "done")));
        assert_eq!(answer(&routes, request("/", Body::empty())).await.1, "quick");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let routes = around(Router::new().route("/post", post(async |body: Bytes| body)));
        let whole = Body::from_stream(stream::iter([Ok::<_, std::io::Error>("to "), Ok("be")]));
        assert_eq!(answer(&routes, request("/post", whole)).await, (StatusCode::OK, "to be".to_owned()));
        let cut = Body::from_stream(stream::iter([Ok("to "), Err(std::io::Error::other("gone"))]));
        assert_eq!(answer(&routes, request("/post", cut)).await.0, StatusCode::BAD_REQUEST);
        let stuck = Body::from_stream(stream::pending::<Result<&str, std::io::Error>>());
        assert_eq!(answer(&routes, request("/post", stuck)).await.0, StatusCode::REQUEST_TIMEOUT);
    }
}
