//! Other clouds: Google's metadata server, AWS's token service, and the token that EKS projects.

use super::{EXCHANGE, Platform, silent};
use crate::provider::{Answer, Asked, Signer};

pub(super) const GOOGLE: Platform = Platform {
    subject: "104567890123456789012",
    audience: EXCHANGE,
    answer: google,
    settings: |world| {
        let host = world.provider.signer.issuer.replace("http://", "");
        vec![("SourceType", "GoogleMetadata".to_owned()), ("$GCE_METADATA_HOST", host)]
    },
    asked: &["GET /computeMetadata/v1/instance/service-accounts/default/identity\
              ?audience=api%3A%2F%2FAzureADTokenExchange&format=full metadata-flavor=Google"],
};

pub(super) const GOOGLE_ACCOUNT: Platform = Platform {
    settings: |world| {
        let account = ("GoogleServiceAccount", "orders@contoso.iam.gserviceaccount.com".to_owned());
        let mut settings = (GOOGLE.settings)(world);
        settings.push(account);
        settings
    },
    asked: &["GET /computeMetadata/v1/instance/service-accounts/orders@contoso.iam.gserviceaccount.com/identity\
              ?audience=api%3A%2F%2FAzureADTokenExchange&format=full metadata-flavor=Google"],
    ..GOOGLE
};

fn google(signer: &Signer, asked: &Asked) -> Option<Answer> {
    asked.line.strip_prefix("GET /computeMetadata/v1/instance/service-accounts/")?;
    if asked.header("metadata-flavor") != "Google" {
        return Some((403, String::new()));
    }
    Some((200, format!("{}\n", signer.token(GOOGLE.subject, EXCHANGE))))
}

pub(super) const AWS: Platform = Platform {
    subject: "arn:aws:iam::111122223333:role/orders",
    audience: EXCHANGE,
    answer: aws,
    settings: |world| {
        vec![
            ("SourceType", "AwsWebIdentity".to_owned()),
            ("AwsRegion", "eu-central-1".to_owned()),
            ("$AWS_ENDPOINT_URL_STS", format!("{}/sts", world.provider.signer.issuer)),
            ("$AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("$AWS_SECRET_ACCESS_KEY", "aws-secret-access-key".to_owned()),
        ]
    },
    asked: &[
        "POST /sts authorization=AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/…/eu-central-1/sts/aws4_request, \
              SignedHeaders=content-type;host;x-amz-date, Signature=… \
              Action=GetWebIdentityToken&Version=2011-06-15&Audience.member.1=api%3A%2F%2FAzureADTokenExchange&\
              SigningAlgorithm=RS256&DurationSeconds=300",
    ],
};

/// The keys of a role, for a projected token.
pub(super) const AWS_ROLE: Platform = Platform {
    settings: |world| {
        vec![
            ("SourceType", "AwsWebIdentity".to_owned()),
            ("$AWS_REGION", "us-east-1".to_owned()),
            ("$AWS_ENDPOINT_URL_STS", format!("{}/sts", world.provider.signer.issuer)),
            ("$AWS_ROLE_ARN", AWS.subject.to_owned()),
            ("$AWS_WEB_IDENTITY_TOKEN_FILE", world.token_file("pod", "projected")),
        ]
    },
    asked: &[
        "POST /sts Action=AssumeRoleWithWebIdentity&Version=2011-06-15&\
         RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Forders&RoleSessionName=sidekey&WebIdentityToken=projected",
        "POST /sts authorization=AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/…/us-east-1/sts/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=… \
         Action=GetWebIdentityToken&Version=2011-06-15&Audience.member.1=api%3A%2F%2FAzureADTokenExchange&\
         SigningAlgorithm=RS256&DurationSeconds=300",
    ],
    ..AWS
};

fn aws(signer: &Signer, asked: &Asked) -> Option<Answer> {
    asked.line.strip_prefix("POST /sts")?;
    let by_session = asked.header("x-amz-security-token") == SESSION && asked.header("authorization").contains("=ASIA");
    if asked.body.starts_with("Action=AssumeRoleWithWebIdentity&") {
        let keys = "<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>of-the-session</SecretAccessKey>";
        let keys = format!("{keys}<SessionToken>{SESSION}</SessionToken>");
        return Some((
            200,
            format!(
                "<AssumeRoleWithWebIdentityResponse><Credentials>{keys}</Credentials></AssumeRoleWithWebIdentityResponse>"
            ),
        ));
    }
    if !by_session && !asked.header("authorization").contains(KEY) {
        return Some((403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>".to_owned()));
    }
    let token = signer.token(AWS.subject, EXCHANGE);
    Some((
        200,
        format!(
            "<GetWebIdentityTokenResponse><WebIdentityToken>{token}</WebIdentityToken></GetWebIdentityTokenResponse>"
        ),
    ))
}

/// An AWS signature without what time makes of it.
pub(super) fn without_times(authorization: &str) -> String {
    let Some((before, rest)) = authorization.split_once('/').filter(|(before, _)| before.starts_with("AWS4-")) else {
        return authorization.to_owned();
    };
    let (date, rest) = rest.split_once('/').unwrap();
    let (rest, signature) = rest.split_once("Signature=").unwrap();
    assert!(date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()), "{date}");
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{signature}");
    format!("{before}/…/{rest}Signature=…")
}

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SESSION: &str = "aws-session-token";

pub(super) const EKS: Platform = Platform {
    subject: "system:serviceaccount:shop:orders",
    audience: "sts.amazonaws.com",
    answer: silent,
    settings: |world| {
        let token = world.provider.signer.token(EKS.subject, EKS.audience);
        vec![("SourceType", "AwsEksFile".to_owned()), ("$AWS_WEB_IDENTITY_TOKEN_FILE", world.token_file("eks", &token))]
    },
    asked: &[],
};
