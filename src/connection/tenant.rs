//! The site's cloud id, which the site tells anybody who asks. What it is needed for is `entrance`'s business.

use serde::Deserialize;

use super::address::CloudId;
use super::entrance::{Entrance, Place};
use super::failure::{Cause, Failure};
use super::question::Turn;
use super::token::Token;
use super::{Connection, headers};
use crate::model::Operation;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TenantJson {
    cloud_id: String,
}

impl Connection {
    /// What paths follow there; the gateway's needs the cloud id first.
    pub(super) async fn base(&self, place: Place, turn: Turn) -> Result<String, Failure> {
        if self.0.entrances.base(place).is_none() {
            self.ask_for_cloud_id(turn).await?;
        }
        self.0.entrances.base(place).ok_or_else(|| Failure::new(Operation::TenantInfo, Cause::NotTheJson))
    }

    /// Keeps what has worked. A site that takes the token is asked for its cloud id too, once: nothing depends on it
    /// there, but it names the site for good.
    pub(super) async fn settle(&self, entrance: Entrance, token: &Token) {
        self.0.entrances.settle(entrance, token);
        if self.0.entrances.cloud_id().is_none()
            && let Err(failure) = self.ask_for_cloud_id(Turn::Base).await
        {
            tracing::debug!(connection = %self.0.name, %failure, "the site's cloud id stays unknown");
        }
    }

    /// Without the token: nothing here is secret.
    async fn ask_for_cloud_id(&self, turn: Turn) -> Result<(), Failure> {
        let operation = Operation::TenantInfo;
        let unusable = || Failure::new(operation, Cause::NotTheJson);
        let site = self.0.entrances.site().ok_or_else(unusable)?;
        let request = self.0.client.get(format!("{}/_edge/tenant_info", site.as_str()));
        let reply = self.exchange(request, operation, Place::Site, turn).await?;
        let tenant: TenantJson = serde_json::from_slice(&reply.body)
            .map_err(|_| Failure { trace: headers::trace(&reply.headers), ..unusable() })?;
        let cloud_id = tenant.cloud_id.parse::<CloudId>().map_err(|_| unusable())?;
        self.0.entrances.learn_cloud_id(cloud_id);
        Ok(())
    }
}
