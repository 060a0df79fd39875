//! `AwsWebIdentity`: a token of an AWS role, by outbound identity federation
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound.html>).

mod keys;
mod signature;
mod sts;

use std::sync::Arc;

use sidekey_oauth::Secret;
use tokio::time::Instant;

use self::{
    keys::{Keys, Origin},
    signature::ToSign,
    sts::Sts,
};
use super::{Ask, Provider, Settings};
use crate::{
    Environment,
    credential::{CredentialError, Surroundings},
    flight::Work,
};

#[derive(Debug)]
struct AwsWebIdentity {
    /// As configured; else variables tell, or the machine.
    region: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "one of the sources' readers")]
pub(super) fn read(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    let region = settings.own.text("AwsRegion").map(|region| region.trim().to_owned());
    Some(Arc::new(AwsWebIdentity { region }))
}

impl Provider for AwsWebIdentity {
    fn check(&self, environment: &Environment) -> Result<(), CredentialError> {
        match self.region(environment, &Origin::of(environment)?)? {
            Some(region) => Sts::new(region, environment).map(drop),
            None => Ok(()),
        }
    }

    fn fetch(self: Arc<Self>, world: Surroundings, ask: Ask) -> Work<Result<Secret, CredentialError>> {
        Box::pin(async move {
            let origin = Origin::of(&world.environment)?;
            let sts = self.sts(&origin, &world, ask.deadline).await?;
            let keys = origin.keys(&sts, &world, ask.deadline).await?;
            token(&sts, &keys, &ask.audience, &world, ask.deadline).await
        })
    }
}

impl AwsWebIdentity {
    /// The region; `None` if the machine is to be asked.
    fn region<'a>(&'a self, environment: &'a Environment, origin: &Origin) -> Result<Option<&'a str>, CredentialError> {
        let variable =
            || environment.get("AWS_REGION").or_else(|| environment.get("AWS_DEFAULT_REGION")).map(str::trim);
        match (self.region.as_deref().or_else(variable), origin) {
            (None, Origin::Machine { .. }) => Ok(None),
            (None, _) => {
                let hint = "write the region here, or in the variable `AWS_REGION`";
                Err(CredentialError::new("AwsRegion", format!("`{NAME}`: no region is named"), hint))
            }
            (region, _) => Ok(region),
        }
    }

    async fn sts(&self, origin: &Origin, world: &Surroundings, deadline: Instant) -> Result<Sts, CredentialError> {
        match (self.region(&world.environment, origin)?, origin) {
            (None, Origin::Machine { url }) => {
                Sts::new(&keys::machine_region(url, world, deadline).await?, &world.environment)
            }
            (region, _) => Sts::new(region.unwrap_or_default(), &world.environment),
        }
    }
}

async fn token(
    sts: &Sts,
    keys: &Keys,
    audience: &str,
    world: &Surroundings,
    deadline: Instant,
) -> Result<Secret, CredentialError> {
    let form = sts::form(&[
        ("Action", "GetWebIdentityToken"),
        ("Version", sts::VERSION),
        ("Audience.member.1", audience),
        // Entra takes no other.
        ("SigningAlgorithm", "RS256"),
        ("DurationSeconds", "300"),
    ]);
    let question = sts.question(form, "WebIdentityToken", HINT);
    let (host, now) = (sts.host(), world.clock.now());
    let to_sign = ToSign { host: &host, region: &sts.region, service: "sts", body: &question.body, now };
    let headers = signature::headers(&to_sign, keys).ok_or_else(|| {
        let problem = format!("`{NAME}`: the AWS access keys hold other than visible ASCII");
        CredentialError::new("SourceType", problem, "check the variables `AWS_*`")
    })?;
    question.with(headers).ask(world, deadline).await
}

pub(super) const NAME: &str = "AwsWebIdentity";
const HINT: &str =
    "enable outbound identity federation in the AWS account, and allow the role `sts:GetWebIdentityToken`";
