//! API tokens as administrators see and manage them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::{Line, Locale, Moment, Rule};

use crate::{
    access::{
        api_token::{self, NewToken, Owned},
        graphql::Capability,
    },
    error::{Error, Result},
    graphql::{At, ContextExt, Expected, Faults, Input, Mutated, Scalar, UserError, global_id, mutate, named},
};

/// A token with which a program acts for an account.
pub struct ApiToken(Owned);

impl ApiToken {
    /// This token.
    pub const fn new(token: Owned) -> Self {
        Self(token)
    }
}

/// A token with which a program acts for an account.
#[Object]
impl ApiToken {
    /// Its global id.
    pub async fn id(&self) -> ID {
        global_id(api_token::TYPE_NAME, self.0.token.id)
    }

    /// What its owner calls it.
    async fn name(&self) -> &str {
        &self.0.token.name
    }

    /// What it may do, as far as its account still may.
    async fn capabilities(&self) -> Result<Vec<Capability>> {
        Ok(self.0.capabilities()?.into_iter().map(Into::into).collect())
    }

    /// The locales in which it may write, as far as its account still may; null when it is not limited to any.
    async fn locales(&self) -> Option<Result<Vec<Scalar<Locale>>>> {
        let locales = self.0.locales().transpose()?;
        Some(locales.map(|locales| locales.into_iter().map(Scalar).collect()))
    }

    /// The e-mail address of the account that made it and that it acts for.
    async fn owner(&self) -> &str {
        &self.0.owner
    }

    /// When it was made.
    async fn created_at(&self) -> At {
        self.0.token.created_at.into()
    }

    /// When it ends.
    async fn expires_at(&self) -> At {
        self.0.token.expires_at.into()
    }

    /// When it was last used, to the minute; null for never.
    async fn last_used_at(&self) -> Option<At> {
        self.0.token.last_used_at.map(Into::into)
    }

    /// When it was ended before its time; null when it was not.
    async fn revoked_at(&self) -> Option<At> {
        self.0.token.revoked_at.map(Into::into)
    }
}

/// What a token is to be.
#[derive(InputObject)]
pub struct ApiTokenCreateInput {
    /// What to call it, so that you know later what it is for.
    name: Input<Line>,
    /// What it may do: at least one capability, and none that you do not have.
    capabilities: Vec<Capability>,
    /// The locales in which it may write, at least one; all in which you may when left out. A token that is limited to
    /// locales writes texts only.
    locales: Option<Vec<Input<Locale>>>,
    /// When it ends: at most 366 days from now.
    expires_at: Input<Moment>,
}

/// Which token to end.
#[derive(InputObject)]
pub struct ApiTokenRevokeInput {
    /// The token.
    id: ID,
}

/// The outcome of `apiTokenCreate`.
#[derive(SimpleObject)]
pub struct ApiTokenCreatePayload {
    /// The token itself, to be sent as `Authorization: Bearer <token>`. It is shown this once; keep it secret.
    token: Option<String>,
    /// What is known of it.
    api_token: Option<ApiToken>,
    /// Why there is none.
    errors: Vec<UserError>,
}

impl From<Expected<(String, Owned)>> for ApiTokenCreatePayload {
    fn from(outcome: Expected<(String, Owned)>) -> Self {
        match outcome {
            Ok((token, owned)) => Self { token: Some(token), api_token: Some(ApiToken(owned)), errors: Vec::new() },
            Err(errors) => Self { token: None, api_token: None, errors },
        }
    }
}

/// The outcome of `apiTokenRevoke`.
#[derive(SimpleObject)]
pub struct ApiTokenRevokePayload {
    /// The token after the mutation; null when nothing was done.
    api_token: Option<ApiToken>,
    /// Why nothing was done; empty when it was.
    errors: Vec<UserError>,
}

impl From<Expected<Owned>> for ApiTokenRevokePayload {
    fn from(outcome: Expected<Owned>) -> Self {
        match outcome {
            Ok(owned) => Self { api_token: Some(ApiToken(owned)), errors: Vec::new() },
            Err(errors) => Self { api_token: None, errors },
        }
    }
}

/// Queries about API tokens.
#[derive(Default)]
pub struct ApiTokenQuery;

#[Object]
impl ApiTokenQuery {
    /// All API tokens, the newest first, with those that have ended. For those who may manage people.
    async fn api_tokens(&self, ctx: &Context<'_>) -> Result<Vec<ApiToken>> {
        let administrator = ctx.editor().await?.administrator()?;
        let tokens = api_token::all(ctx.state(), &administrator).await?;
        Ok(tokens.into_iter().map(ApiToken).collect())
    }
}

/// Mutations of API tokens.
#[derive(Default)]
pub struct ApiTokenMutation;

#[Object]
impl ApiTokenMutation {
    /// Makes a token with which a program acts for you, as far as the token says and as long as your account lives. For
    /// those who may manage people.
    async fn api_token_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the token is to be.")] input: ApiTokenCreateInput,
    ) -> Result<Mutated<ApiTokenCreatePayload>> {
        mutate(ctx, "apiTokenCreate", async move |transaction, editor| {
            let administrator = editor.administrator()?;
            let mut faults = Faults::default();
            let name = faults.take(&["name"], input.name);
            let locales = input.locales.map(|locales| faults.take_list(&["locales"], locales));
            let expires_at = faults.take(&["expiresAt"], input.expires_at);
            faults.into_result()?;
            let name = name.ok_or_else(|| Error::invalid(["name"], Rule::Required))?;
            let expires_at = expires_at.ok_or_else(|| Error::invalid(["expiresAt"], Rule::Required))?.get();
            let capabilities = input.capabilities.into_iter().map(Into::into).collect();
            let new = NewToken { name, capabilities, locales, expires_at };
            api_token::create(transaction, &administrator, new).await
        })
        .await
    }

    /// Ends a token at once. For those who may manage people.
    async fn api_token_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which token.")] input: ApiTokenRevokeInput,
    ) -> Result<Mutated<ApiTokenRevokePayload>> {
        mutate(ctx, "apiTokenRevoke", async move |transaction, editor| {
            let administrator = editor.administrator()?;
            api_token::revoke(transaction, &administrator, named(&input.id, api_token::TYPE_NAME)?).await
        })
        .await
    }
}
