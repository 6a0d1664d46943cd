//! `GET /api/instances`: the instances of the application, and what each does.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::parameters::Parameters;
use super::tasks::{TasksAnswer, own_tasks};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// What is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InstancesParameters {
    /// Whether each instance is asked for its tasks, as `GET /api/tasks` tells them.
    #[serde(default)]
    tasks: bool,
}

/// The instances, as their group lists them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstancesAnswer {
    instances: Vec<InstanceAnswer>,
}

/// An instance.
#[derive(Debug, Serialize, ToSchema)]
struct InstanceAnswer {
    /// Assigned by the group.
    member: String,
    /// Where it runs; empty if the log does not know.
    host: String,
    /// Where it can be asked; `null` if it serves nothing.
    endpoint: Option<String>,
    /// Whether it is the one that answers.
    is_self: bool,
    /// The ids of the tasks that the group has given to it. During a rebalance there are none.
    assigned: Vec<String>,
    /// What it says of its tasks; `null` if it was not asked, or does not answer.
    #[schema(value_type = Option<TasksAnswer>)]
    tasks: Option<serde_json::Value>,
    /// Why it does not answer.
    unknown: Option<String>,
}

/// Who runs the application, and with `?tasks=true` what each instance does.
#[utoipa::path(get, path = "/api/instances", tag = "application", params(InstancesParameters), responses(
    (status = 200, description = "The instances", body = InstancesAnswer),
    (status = 400, description = "A parameter cannot be understood", body = ErrorBody),
    (status = 503, description = "The log does not say who is there", body = ErrorBody),
))]
pub(crate) async fn instances(
    State(served): State<Served>,
    Parameters(parameters): Parameters<InstancesParameters>,
) -> Result<Json<InstancesAnswer>, Refusal> {
    let unknown = |reason| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "group_unknown", reason).retry_soon();
    let instances = served.peers.instances().await.map_err(unknown)?;
    let asked = instances.iter().map(|instance| async {
        let tasks = match (parameters.tasks, instance.is_self) {
            (false, _) => None,
            (true, true) => Some(serde_json::to_value(own_tasks(&served).await).map_err(|error| error.to_string())),
            (true, false) => Some(served.peers.tasks_of(instance).await),
        };
        let (tasks, unknown) = match tasks {
            None => (None, None),
            Some(Ok(tasks)) => (Some(tasks), None),
            Some(Err(reason)) => (None, Some(reason)),
        };
        InstanceAnswer {
            member: instance.member_id.clone(),
            host: instance.host.clone(),
            endpoint: instance.endpoint.clone(),
            is_self: instance.is_self,
            assigned: instance.tasks.iter().map(ToString::to_string).collect(),
            tasks,
            unknown,
        }
    });
    Ok(Json(InstancesAnswer { instances: join_all(asked).await }))
}
