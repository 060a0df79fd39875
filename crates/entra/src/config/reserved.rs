//! Keys that Microsoft's sidecar or its libraries know and that stand for nothing here: no warning, no effect. And those that
//! ask for something which this version cannot do: a fault, or a warning where leaving it out is harmless.

use sidekey_config::Section;

pub(super) fn azure_ad(section: &Section<'_>) {
    section.reserve(NO_EFFECT);
}

pub(super) fn token_cache(section: &Section<'_>) {
    section.reserve(&["EncryptionKeys", "Timeout"]);
    // Holds a password: never to be shown.
    section.secret("RedisConnection");
}

pub(super) fn token_validation_parameters(section: &Section<'_>) {
    section.reserve(VALIDATION_NO_EFFECT);
}

/// Names of `AzureAd` without effect. A sidecar has no pages to sign in at, and the engine's cache has bounds of its own.
const NO_EFFECT: &[&str] = &[
    "AccessDeniedPath",
    "AuthenticationMethod",
    "AutomaticRefreshInterval",
    "BackchannelTimeout",
    "CallbackPath",
    "Challenge",
    "ClientName",
    "ClientVersion",
    "EditProfilePolicyId",
    "EnableCacheSynchronization",
    "EnablePiiLogging",
    "ErrorPath",
    "ForwardAuthenticate",
    "ForwardChallenge",
    "ForwardDefault",
    "ForwardForbid",
    "ForwardSignIn",
    "ForwardSignOut",
    "GetClaimsFromUserInfoEndpoint",
    "IncludeErrorDetails",
    "IsDefaultPlatformLoggingEnabled",
    "LegacyCacheCompatibilityEnabled",
    "LogLevel",
    "MapInboundClaims",
    "PartitionAppTokenCacheByAudience",
    "Prompt",
    "RedirectUri",
    "RefreshInterval",
    "RefreshOnIssuerKeyNotFound",
    "RemoteAuthenticationTimeout",
    "RemoteSignOutPath",
    "ResetPasswordPath",
    "ResetPasswordPolicyId",
    "Resource",
    "ResponseMode",
    "ResponseType",
    "SaveToken",
    "SaveTokens",
    "SignOutScheme",
    "SignedOutCallbackPath",
    "SignedOutRedirectUri",
    "SkipUnrecognizedRequests",
    "UseFastUnboundedCache",
    "UsePkce",
    "UseSecurityTokenValidators",
    "UseTokenLifetime",
    "WithSpaAuthCode",
];

/// Names of `AzureAd:TokenValidationParameters` without effect.
const VALIDATION_NO_EFFECT: &[&str] = &[
    "AuthenticationType",
    "IgnoreTrailingSlashWhenValidatingAudience",
    "IncludeTokenOnFailedValidation",
    "LogTokenId",
    "LogValidationExceptions",
    "NameClaimType",
    "RefreshBeforeValidation",
    "RoleClaimType",
    "SaveSigninToken",
    "TryAllIssuerSigningKeys",
    "ValidAlgorithms",
    "ValidTypes",
    "ValidateActor",
    "ValidateSignatureLast",
    "ValidateTokenReplay",
    "ValidateWithLKG",
];
