//! Attacks on JOSE libraries, and what this one does about each.
//!
//! Most of them are collected in RFC 8725 (JSON Web Token Best Current Practices). Each entry ends with the test that
//! holds the answer.
//!
//! # No signature at all
//!
//! RFC 7515 has an "algorithm" `none`, and libraries that looked for its exact spelling were passed `nOnE`. Here
//! [`Algorithm`](crate::Algorithm) has no such value, so there is nothing to spell; an empty signature under a real
//! algorithm is a wrong one.
//!
//! Held by `a_token_without_a_signature_is_refused_however_none_is_spelled`.
//!
//! # The public key as HMAC secret
//!
//! A token says `HS256`, its tag is computed with the public RSA key, and a library with one `verify(token, key)` for both
//! kinds accepts it. HMAC does not exist here, neither as algorithm nor as key.
//!
//! Held by `the_public_key_is_never_taken_for_an_hmac_secret`.
//!
//! # The token chooses the algorithm
//!
//! The header is the sender's. It selects among what the key is for (type, curve, and `alg` where the key names one) and
//! what the caller allows, and nothing else: [`UnverifiedJws::verify`](crate::UnverifiedJws::verify) asks for both.
//!
//! Held by `the_token_cannot_choose_an_algorithm_that_the_key_is_not_for`.
//!
//! # The token brings its key
//!
//! `jwk`, `x5c`, `jku` and `x5u` can carry or point to a key of the attacker's, and fetching from them makes the server call
//! hosts of his choice. They are never used to check a signature. [`Header::x5c`](crate::Header::x5c) is shown, because
//! a caller that knows the names of trusted certificates needs the chain; it is as untrustworthy as the rest of the
//! header until that caller has built a path to a root of its own.
//!
//! Held by `a_key_that_comes_with_the_token_is_never_used`.
//!
//! # Tricks with `kid`
//!
//! A `kid` with a path, a query or an address in it attacks whatever looks the key up. Here it is text to compare; this
//! crate opens nothing with it. A `kid` that is not text is refused.
//!
//! Held by `a_kid_is_text_and_nothing_else`.
//!
//! # Extensions that change the meaning
//!
//! `crit` names members without which a token must not be understood, and `b64: false` (RFC 7797) changes the bytes that
//! are signed. Libraries that skip what they do not know verify something else than the signer meant. Any `crit`
//! and any `b64` is refused.
//!
//! Held by `extensions_that_change_the_meaning_of_a_token_are_refused`.
//!
//! # A member twice
//!
//! With two `sub` or two `alg` members, one parser takes the first and the next one the last. Header, key set, and all that
//! is read with [`parse_object`](crate::parse_object) have each member once, at every depth.
//!
//! Held by `two_readers_cannot_see_two_values_of_one_member`.
//!
//! # Weak keys
//!
//! RSA from 2048 to 8192 bits, odd, with an odd exponent of at least 3 (1 would make every message its own signature)
//! and not from the broken Infineon generator (ROCA, CVE-2017-15361). Points are on their curve, with coordinates of
//! full width.
//!
//! Held by `weak_and_malformed_keys_are_refused`.
//! Held by `wycheproof_key_cases_get_their_verdicts`.
//!
//! # Forged and degenerate signatures
//!
//! RSA paddings that a lax parser accepts (Bleichenbacher 2006), PSS with another salt length, ECDSA with zero or
//! unreduced numbers (CVE-2022-21449): the checks are those of AWS-LC, and Project Wycheproof's cases are run against them.
//!
//! Held by `wycheproof_signature_cases_get_their_verdicts`.
//!
//! # Malleability
//!
//! One signature has one spelling: no padding, no stray bits, no added or missing zeros. So RS256 and PS256 tokens cannot
//! be respelled by someone who does not have the key.
//!
//! Held by `a_signature_has_one_spelling`.
//!
//! ECDSA itself gives each signature a twin (`s` and `n - s`), and JWS allows both. Whoever remembers tokens to notice a
//! replay must remember a claim (`jti`, `nonce`) or the signed part, never the bytes of the whole token.
//!
//! Held by `the_twin_of_an_ecdsa_signature_is_valid_so_token_bytes_are_no_replay_key`.
//!
//! # Proof of possession without the key
//!
//! A signed HTTP request brings the key along that checks it. The access token within has been issued for one key, and
//! the request's own word about it counts only where its thumbprint is that one; keys are never fetched.
//!
//! Held by `a_key_of_the_attackers_is_not_accepted_in_the_place_of_the_bound_one`.
//!
//! A signed HTTP request that is caught on its way is good for its own request only, for minutes, and once: the key to
//! remember it by is made of the signed part.
//!
//! Held by `each_claim_that_is_wrong_is_refused`.
//! Held by `a_request_is_valid_for_its_lifetime_and_not_before_it_was_made`.
//! Held by `the_replay_key_is_that_of_the_signed_part`.
//!
//! # Encrypted and signed tokens confused
//!
//! Everyone can encrypt to a public key, so a token that merely decrypts proves nothing. Five parts are
//! [`JoseError::Encrypted`](crate::JoseError::Encrypted), encryption algorithms are not signature algorithms, and keys for
//! encryption check nothing.
//!
//! Held by `an_encrypted_token_is_never_taken_for_a_signed_one`.
//!
//! What was decrypted is a stranger's text, to be parsed and checked like any other token. One layer is taken off, by whoever
//! asks for it: tokens nested in tokens end as [`JoseError::Encrypted`](crate::JoseError::Encrypted), and an encrypted text
//! without a signature is no token at all.
//!
//! Held by `what_was_decrypted_proves_nothing_until_its_signature_is_checked`.
//! Held by `one_layer_of_encryption_is_taken_off_and_no_more`.
//!
//! # Answers that decrypt
//!
//! A recipient that says whether the padding of a CBC plaintext was right decrypts it for whoever may ask often enough
//! (Vaudenay 2002). The MAC is checked first, and everything wrong behind the header is one and the same
//! [`JoseError::Decryption`](crate::JoseError::Decryption).
//!
//! Held by `the_padding_of_an_encrypted_token_is_no_oracle`.
//! Held by `wycheproof_content_encryption_cases_get_their_verdicts`.
//!
//! The padding of RSA has oracles too: `RSA1_5` (Bleichenbacher 1998, and many times since) is refused by its name, before
//! there is a key; for OAEP (Manger 2001) a random key takes the place of one that cannot be unwrapped or has the wrong
//! length (RFC 7516 §11.5), and the token then fails at its tag as it would have with the right key.
//!
//! Held by `rsa1_5_is_refused_by_its_name`.
//! Held by `what_cannot_be_unwrapped_gives_a_random_key_of_the_right_length`.
//! Held by `an_encrypted_key_that_cannot_be_read_looks_like_a_wrong_tag`.
//!
//! Tags have full length, so that there is nothing shorter to guess.
//!
//! Held by `wycheproof_encryption_cases_get_their_verdicts`.
//!
//! # Input that costs too much
//!
//! The length is looked at before anything is decoded; header, key set and nesting have bounds of their own.
//!
//! Held by `huge_and_deep_input_is_refused_early`.
//!
//! JWE has headers that make the recipient work: `p2c` counts the rounds of a password hash (CVE-2022-36083),
//! `zip` blows a small token up (CVE-2024-21319). Neither has a reader here, so a plaintext is always shorter
//! than its token. What remains, one private key operation, is spent on well-formed tokens only.
//!
//! Held by `encrypted_tokens_cannot_be_made_to_explode`.
//!
//! # What is left to the caller
//!
//! A genuine token of another kind or for another audience: `typ`, `iss`, `aud`, times, and the issuer that a key belongs
//! to are judged by whoever knows what it expects. This crate gives it [`Header::typ`](crate::Header::typ),
//! [`NumericDate`](crate::NumericDate) and [`Jwk::issuer`](crate::Jwk::issuer).
