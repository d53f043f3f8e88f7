//! Signing in and out, setting a password, and who the caller is.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use entities::{Email, Locale, account::Model as Account};

use crate::{
    access::{
        Credential, account, link, password,
        permission::{self, Grants},
        session::{self, SignedIn},
    },
    compute_pool::Client,
    error::{Error, Result},
    graphql::{At, ContextExt, Expected, Faults, Input, Mutated, Scalar, UserError, mutate, mutate_openly},
    transaction::Transaction,
};

/// What somebody is to an Almanac. `viewer.capabilities` tells what that allows.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::Role")]
pub enum Role {
    /// Everything: all content and figures, the site's settings, accounts, tokens and the audit log.
    Administrator,
    /// Writing and publishing all content and figures.
    Editor,
    /// Writing texts in named locales; others publish them.
    Translator,
    /// Writing and publishing figures, countries and categories.
    Statistician,
    /// Reading drafts.
    Reader,
}

/// Something that an account or a token may be allowed to do.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "permission::Capability")]
pub enum Capability {
    /// Read drafts, history and the work list.
    ReadDrafts,
    /// Write the texts of pages and staff records.
    WriteTexts,
    /// Write what all locales of a page or staff record share: slug, parent, order, contact.
    WriteContent,
    /// Publish, schedule, withdraw and archive pages and staff records.
    PublishContent,
    /// Write figures and the names of countries and categories.
    WriteFigures,
    /// Publish, schedule, withdraw and archive figures, countries and categories.
    PublishFigures,
    /// Change the site's settings, its locales included.
    ManageSite,
    /// Invite, change and shut out accounts, and hand out tokens.
    ManagePeople,
    /// Read the audit log.
    ReadAudit,
    /// Read figures before they are published, and those that the disclosure policy keeps from the public.
    ReadConfidential,
}

/// Who did something.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::ActorKind")]
pub enum ActorKind {
    /// Somebody who is not signed in.
    Anonymous,
    /// A signed-in account.
    Account,
    /// A schedule that an account had set.
    Schedule,
    /// Somebody at the command line of the server.
    CommandLine,
}

/// The account that is signed in.
#[derive(SimpleObject)]
pub struct Viewer {
    /// The address it signs in with.
    email: Scalar<Email>,
    /// What it is to this Almanac.
    role: Role,
    /// What it may do with the token of this request.
    capabilities: Vec<Capability>,
    /// The locales in which it may write; null for all.
    locales: Option<Vec<Scalar<Locale>>>,
}

impl Viewer {
    fn new(account: Account, role: entities::Role, grants: &Grants) -> Self {
        Self {
            email: Scalar(account.email),
            role: role.into(),
            capabilities: grants.capabilities().map(Into::into).collect(),
            locales: grants.locales().map(|locales| locales.iter().cloned().map(Scalar).collect()),
        }
    }
}

/// What a client needs to act for an account.
#[derive(SimpleObject)]
pub struct Session {
    /// To be sent with every request: `Authorization: Bearer <accessToken>`.
    access_token: String,
    /// When the access token expires; refresh before.
    expires_at: At,
    /// To be exchanged, once, for the next pair. Keep it secret; presenting it twice ends the session.
    refresh_token: String,
    /// To be sent with the next `signIn` on this device, so that failed attempts by others do not count against it. Valid
    /// for 180 days; it grants nothing else.
    device_token: String,
    /// The account.
    viewer: Viewer,
}

impl From<SignedIn> for Session {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            access_token: signed_in.access.token,
            expires_at: signed_in.access.expires_at.into(),
            refresh_token: signed_in.refresh_token,
            device_token: signed_in.device_token,
            viewer: {
                let role = signed_in.account.role;
                Viewer::new(signed_in.account, role, &signed_in.grants)
            },
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
        ctx.caller().credential.as_ref()?;
        let viewer = async {
            let editor = ctx.editor().await?;
            let id = editor.actor().account().ok_or(Error::Unauthenticated)?;
            let account = account::live(ctx.state().database().reader(), id).await?.ok_or(Error::Unauthenticated)?;
            // A provider's token says itself what its bearer is; the account has what was said last, maybe by another one.
            let role = match &ctx.caller().credential {
                Some(Credential::Foreign(foreign)) => foreign.role,
                _ => account.role,
            };
            Ok(Viewer::new(account, role, editor.grants()))
        };
        Some(viewer.await)
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
    /// The `deviceToken` of an earlier session on this device, if there is one. Attempts on a known device are counted
    /// apart from all others.
    #[graphql(secret)]
    device_token: Option<String>,
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

/// Which password to set for whom.
#[derive(InputObject)]
pub struct PasswordSetInput {
    /// The token of the link: what follows `#` in its address.
    #[graphql(secret)]
    token: String,
    /// The new password: 12 to 256 characters that are not easily guessed.
    #[graphql(secret)]
    password: String,
}

/// From which password to which.
#[derive(InputObject)]
pub struct PasswordChangeInput {
    /// The password of now.
    #[graphql(secret)]
    current_password: String,
    /// The new password: 12 to 256 characters that are not easily guessed.
    #[graphql(secret)]
    new_password: String,
}

/// The outcome of `passwordSet`.
#[derive(SimpleObject)]
pub struct PasswordSetPayload {
    /// The new session.
    session: Option<Session>,
    /// Why there is none.
    errors: Vec<UserError>,
}

/// The outcome of `passwordChange`.
#[derive(SimpleObject)]
pub struct PasswordChangePayload {
    /// Whether the password is the new one now.
    changed: bool,
    /// Why it is not.
    errors: Vec<UserError>,
}

/// Whether a refusal leaves no trace: one of too many attempts. An audit log that anybody can fill hides what matters.
fn is_noise(ctx: &Context<'_>, error: &Error) -> bool {
    matches!(error, Error::RateLimited(_)) && !ctx.state().throttle().record(ctx.caller().origin.network)
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
    ) -> Result<Mutated<SignInPayload>> {
        let verified = async {
            let mut faults = Faults::default();
            let email = faults.take(&["email"], input.email);
            faults.into_result()?;
            let email = email.ok_or(Error::InvalidCredentials)?;
            session::verify(ctx.state(), ctx.caller(), &email, &input.password, input.device_token.as_deref()).await
        };
        // Before the transaction: hashing takes long, and other writers must not wait for it.
        let verified = verified.await;
        if let Err(error) = &verified
            && is_noise(ctx, error)
        {
            return Mutated::unrecorded::<SignedIn>(error.clone());
        }
        let admit = async move |transaction: &mut Transaction| session::admit(transaction, verified?).await;
        mutate_openly(ctx, "signIn", admit, async |transaction, admitted| session::sign_in(transaction, admitted).await)
            .await
    }

    /// Exchanges a refresh token for the next pair of tokens. A refresh token works once, and within ten seconds once more:
    /// two tabs may refresh at the same moment. Presented later, it ends the session. The two tokens that two tabs got count
    /// as one: ten seconds after one of them was exchanged, the other one ends the session, too.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session.")] input: RefreshSessionInput,
    ) -> Result<Mutated<RefreshSessionPayload>> {
        let admit =
            async move |transaction: &mut Transaction| session::continued(transaction, &input.refresh_token).await;
        mutate_openly(ctx, "refreshSession", admit, async |transaction, continued| {
            session::refresh(transaction, continued).await
        })
        .await
    }

    /// Ends the session of the access token: neither it nor the session's refresh tokens work from now on.
    async fn sign_out(&self, ctx: &Context<'_>) -> Result<Mutated<SignOutPayload>> {
        let credential = ctx.caller().credential.clone();
        mutate(ctx, "signOut", async move |transaction, _| match credential {
            Some(Credential::Session(claims)) => session::sign_out(transaction, &claims).await,
            _ => Err(Error::Forbidden),
        })
        .await
    }

    /// Exchanges a link for a password: sets it, ends all sessions of the account, and starts one. A link works once.
    async fn password_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link and the new password.")] input: PasswordSetInput,
    ) -> Result<Mutated<PasswordSetPayload>> {
        let hashed = async {
            let email = link::owner(ctx.state(), ctx.caller(), &input.token).await?;
            password::hash(ctx.state(), &Client::of(ctx.caller()), &email, &input.password).await
        };
        // Before the transaction: hashing takes long, and other writers must not wait for it.
        let hashed = hashed.await;
        if let Err(error) = &hashed
            && is_noise(ctx, error)
        {
            return Mutated::unrecorded::<SignedIn>(error.clone());
        }
        let admit = async |transaction: &mut Transaction| link::admit(transaction, &input.token).await;
        mutate_openly(ctx, "passwordSet", admit, async |transaction, ()| {
            link::redeem(transaction, &input.token, hashed?).await
        })
        .await
    }

    /// Changes the password of the account that is signed in and ends its other sessions; this one goes on.
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password of now and the new one.")] input: PasswordChangeInput,
    ) -> Result<Mutated<PasswordChangePayload>> {
        // Before the transaction: hashing takes long, and other writers must not wait for it.
        let (current, new) = (&input.current_password, &input.new_password);
        let prepared = session::prepare_password(ctx.state(), ctx.caller(), current, new).await;
        if let Err(error) = &prepared
            && is_noise(ctx, error)
        {
            return Mutated::unrecorded::<()>(error.clone());
        }
        mutate(ctx, "passwordChange", async move |transaction, _| {
            session::change_password(transaction, prepared?).await
        })
        .await
    }
}

impl From<Expected<SignedIn>> for PasswordSetPayload {
    fn from(outcome: Expected<SignedIn>) -> Self {
        let (session, errors) = split(outcome);
        Self { session, errors }
    }
}

impl From<Expected<()>> for PasswordChangePayload {
    fn from(outcome: Expected<()>) -> Self {
        Self { changed: outcome.is_ok(), errors: outcome.err().unwrap_or_default() }
    }
}

impl From<Expected<SignedIn>> for SignInPayload {
    fn from(outcome: Expected<SignedIn>) -> Self {
        let (session, errors) = split(outcome);
        Self { session, errors }
    }
}

impl From<Expected<SignedIn>> for RefreshSessionPayload {
    fn from(outcome: Expected<SignedIn>) -> Self {
        let (session, errors) = split(outcome);
        Self { session, errors }
    }
}

impl From<Expected<()>> for SignOutPayload {
    fn from(outcome: Expected<()>) -> Self {
        Self { signed_out: outcome.is_ok(), errors: outcome.err().unwrap_or_default() }
    }
}

fn split(outcome: Expected<SignedIn>) -> (Option<Session>, Vec<UserError>) {
    match outcome {
        Ok(signed_in) => (Some(signed_in.into()), Vec::new()),
        Err(errors) => (None, errors),
    }
}
