//! .NET's TimeSpan texts.
