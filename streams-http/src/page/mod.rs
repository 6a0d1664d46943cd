//! The dashboard: the files of a page, which asks this server for everything that it shows.
//!
//! The files are in the binary (`files.rs`), with those that the program adds ([`Http::panel`](crate::Http::panel)). They hold
//! no data, so they are served without a token; the page asks for it when the API does. Nothing in them comes from elsewhere,
//! and the browser is told to load nothing else.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::refusal::Refusal;

mod files;

/// What the browser may load: only what this server has, and nothing that is written into the page itself.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// Marks an answer that a browser may keep, if it asks whether it is still the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MayBeKept;

/// The files of the page, by their paths.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    files: Vec<File>,
    /// The names of the program's panels, in their order.
    panels: Vec<String>,
}

#[derive(Debug, Clone)]
struct File {
    path: String,
    media_type: &'static str,
    /// Changes when the bytes do.
    tag: HeaderValue,
    bytes: Bytes,
}

impl File {
    fn new(path: String, media_type: &'static str, bytes: Bytes) -> Self {
        let tag = format!("\"{:016x}\"", hash(&bytes));
        Self { path, media_type, tag: HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")), bytes }
    }

    /// The file, unless the browser has it.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let known = asked.get_all(header::IF_NONE_MATCH).iter();
        let known = known.filter_map(|tags| tags.to_str().ok()).flat_map(|tags| tags.split(','));
        let is_known =
            known.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| self.tag.as_bytes() == tag.as_bytes());
        let mut response = match is_known {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => self.bytes.clone().into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response.extensions_mut().insert(MayBeKept);
        response
    }
}

impl Page {
    /// The page, with modules of the program's own.
    pub(crate) fn new(panels: &[(String, String)]) -> Self {
        let built_in = files::ALL.iter();
        let built_in = built_in
            .map(|(path, media_type, bytes)| File::new((*path).to_owned(), media_type, Bytes::from_static(bytes)));
        let own = panels.iter().map(|(name, script)| {
            File::new(format!("/panels/{name}.js"), files::SCRIPT, Bytes::from(script.clone().into_bytes()))
        });
        Self { files: built_in.chain(own).collect(), panels: panels.iter().map(|(name, _)| name.clone()).collect() }
    }

    /// The paths that hold no data.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    /// The names of the program's panels.
    pub(crate) fn panels(&self) -> &[String] {
        &self.panels
    }

    pub(crate) fn routes(&self) -> Router {
        let routes = self.files.iter().fold(Router::new(), |routes, file| {
            let (path, file) = (file.path.clone(), Arc::new(file.clone()));
            routes.route(&path, get(async move |request: Request| file.answer(request.headers())))
        });
        routes.method_not_allowed_fallback(async || Refusal::wrong_method())
    }
}

/// FNV-1a, which tells files apart that nobody has made to look alike.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
