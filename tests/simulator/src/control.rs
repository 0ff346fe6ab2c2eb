//! The control endpoint, for who drives the simulator from outside: JSON over HTTP under `/_control/`.

use crate::api::Reply;
use crate::server::Shared;

pub(crate) const PREFIX: &str = "/_control/";

pub(crate) fn answer(_shared: &Shared, _method: &str, _path: &str, _body: &[u8]) -> Reply {
    Reply::json(404, "{}")
}
