//! Signing in and out, and who the caller is.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entities::{Email, account};

use crate::{
    access::session::{self, SignedIn},
    error::{Error, Result},
    graphql::{ContextExt, Expected, Faults, Input, Scalar, UserError, expected},
};

/// What an account may do.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::Role")]
pub enum Role {
    /// Everything an editor may, and the accounts.
    Administrator,
    /// Writing and publishing all content and figures.
    Editor,
}

/// The account that is signed in.
#[derive(SimpleObject)]
pub struct Viewer {
    /// The address it signs in with.
    email: Scalar<Email>,
    /// What it may do.
    role: Role,
}

impl From<account::Model> for Viewer {
    fn from(account: account::Model) -> Self {
        Self { email: Scalar(account.email), role: account.role.into() }
    }
}

/// What a client needs to act for an account.
#[derive(SimpleObject)]
pub struct Session {
    /// To be sent with every request: `Authorization: Bearer <accessToken>`.
    access_token: String,
    /// When the access token expires; refresh before.
    expires_at: DateTime<Utc>,
    /// To be exchanged, once, for the next pair. Keep it secret; presenting it twice ends the session.
    refresh_token: String,
    /// The account.
    viewer: Viewer,
}

impl From<SignedIn> for Session {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            access_token: signed_in.access.token,
            expires_at: signed_in.access.expires_at,
            refresh_token: signed_in.refresh_token,
            viewer: signed_in.account.into(),
        }
    }
}

/// Queries about the caller.
#[derive(Default)]
pub struct AccessQuery;

#[Object]
impl AccessQuery {
    /// The account that is signed in; null for the public.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Viewer>> {
        let claims = ctx.caller().claims.as_ref()?;
        Some(session::live_account(ctx.state(), claims).await.map(Into::into))
    }
}

/// Who signs in.
#[derive(InputObject)]
pub struct SignInInput {
    /// The account's address.
    email: Input<Email>,
    /// Its password.
    #[graphql(secret)]
    password: String,
}

/// Which session to continue.
#[derive(InputObject)]
pub struct RefreshSessionInput {
    /// The refresh token of the last answer.
    #[graphql(secret)]
    refresh_token: String,
}

/// The outcome of `signIn`.
#[derive(SimpleObject)]
pub struct SignInPayload {
    /// The new session.
    session: Option<Session>,
    /// Why there is none.
    errors: Vec<UserError>,
}

/// The outcome of `refreshSession`.
#[derive(SimpleObject)]
pub struct RefreshSessionPayload {
    /// The session with its next pair of tokens.
    session: Option<Session>,
    /// Why there is none.
    errors: Vec<UserError>,
}

/// The outcome of `signOut`.
#[derive(SimpleObject)]
pub struct SignOutPayload {
    /// Whether the session has ended.
    signed_out: bool,
    /// Why it has not.
    errors: Vec<UserError>,
}

/// Mutations of sessions.
#[derive(Default)]
pub struct AccessMutation;

#[Object]
impl AccessMutation {
    /// Starts a session.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        let outcome = async {
            let mut faults = Faults::default();
            let email = faults.take(&["email"], input.email);
            faults.into_result()?;
            let email = email.ok_or(Error::InvalidCredentials)?;
            session::sign_in(ctx.state(), ctx.caller(), &email, &input.password).await
        };
        let (session, errors) = split(expected(outcome.await)?);
        Ok(SignInPayload { session, errors })
    }

    /// Exchanges a refresh token for the next pair of tokens. A refresh token works once.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload> {
        let outcome = session::refresh(ctx.state(), ctx.caller(), &input.refresh_token).await;
        let (session, errors) = split(expected(outcome)?);
        Ok(RefreshSessionPayload { session, errors })
    }

    /// Ends the session of the access token: neither it nor the session's refresh tokens work from now on.
    async fn sign_out(&self, ctx: &Context<'_>) -> Result<SignOutPayload> {
        session::sign_out(ctx.state(), ctx.caller()).await?;
        Ok(SignOutPayload { signed_out: true, errors: Vec::new() })
    }
}

fn split(outcome: Expected<SignedIn>) -> (Option<Session>, Vec<UserError>) {
    match outcome {
        Ok(signed_in) => (Some(signed_in.into()), Vec::new()),
        Err(errors) => (None, errors),
    }
}
