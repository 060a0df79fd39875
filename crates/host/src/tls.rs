//! TLS for listeners, with the one crypto provider of this program.

/// Makes aws-lc-rs the process's crypto provider. Call once at start; later calls do nothing.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
