//! `GET /api/instances`: the instances of the application, which one each is, and what it does.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures::future::{join, join_all};
use serde::{Deserialize, Serialize};
use streams_core::runtime::Instance;
use utoipa::{IntoParams, ToSchema};

use super::app::{AppAnswer, own_app};
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
    /// Whether each instance is asked which version it runs of what, as `GET /api/app` tells it.
    #[serde(default)]
    app: bool,
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
    /// What it says of itself; `null` if it was not asked, or does not answer.
    #[schema(value_type = Option<AppAnswer>)]
    app: Option<serde_json::Value>,
    /// What it says of its tasks; `null` if it was not asked, or does not answer.
    #[schema(value_type = Option<TasksAnswer>)]
    tasks: Option<serde_json::Value>,
    /// Why it does not answer.
    unknown: Option<String>,
}

/// What an instance answers, or why it does not.
type Told = Result<serde_json::Value, String>;

/// Who runs the application, and with `?tasks=true` what each instance does, with `?app=true` which one it is.
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
        let (app, tasks) =
            join(app_of(&served, instance, parameters.app), tasks_of(&served, instance, parameters.tasks)).await;
        let unknown = [&app, &tasks].into_iter().flatten().find_map(|told| told.as_ref().err().cloned());
        InstanceAnswer {
            member: instance.member_id.clone(),
            host: instance.host.clone(),
            endpoint: instance.endpoint.clone(),
            is_self: instance.is_self,
            assigned: instance.tasks.iter().map(ToString::to_string).collect(),
            app: app.and_then(Result::ok),
            tasks: tasks.and_then(Result::ok),
            unknown,
        }
    });
    Ok(Json(InstancesAnswer { instances: join_all(asked).await }))
}

async fn app_of(served: &Served, instance: &Instance, is_wanted: bool) -> Option<Told> {
    Some(match (is_wanted, instance.is_self) {
        (false, _) => return None,
        (true, true) => serde_json::to_value(own_app(served)).map_err(|error| error.to_string()),
        (true, false) => served.peers.told_by(instance, "/api/app").await,
    })
}

async fn tasks_of(served: &Served, instance: &Instance, is_wanted: bool) -> Option<Told> {
    Some(match (is_wanted, instance.is_self) {
        (false, _) => return None,
        (true, true) => serde_json::to_value(own_tasks(served).await).map_err(|error| error.to_string()),
        (true, false) => served.peers.told_by(instance, "/api/tasks").await,
    })
}
