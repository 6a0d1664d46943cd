//! The routes in a server that the program has already.

use axum::Router;
use axum::routing::get;
use millstream::http::Http;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::support::{ask, scene};

#[test]
fn routes_are_merged_or_nested_and_keep_their_guards() {
    let scene = scene(|http| http);
    let routes = || Http::of(&scene.app).token("s3cret").router().unwrap();
    let merged = Router::new().route("/", get(async || "mine")).merge(routes()).fallback(async || "not mine");
    let nested = Router::new().route("/", get(async || "mine")).nest("/streams", routes());
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for (router, prefix) in [(merged, ""), (nested, "/streams")] {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        let status = |path: &str, headers: &[(&str, &str)]| ask(address, "GET", path, headers).status;
        assert_eq!(ask(address, "GET", "/", &[]).body, "mine");
        assert_eq!(status(&format!("{prefix}/livez"), &[]), 200);
        assert_eq!(status(&format!("{prefix}/api/app"), &[]), 401);
        assert_eq!(status(&format!("{prefix}/api/app"), &[("Authorization", "Bearer s3cret")]), 200);
    }
}
