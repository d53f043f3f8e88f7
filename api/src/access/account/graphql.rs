//! Accounts as administrators see and manage them.

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::{Email, Locale, Rule, account::Model};
use imbl::OrdMap;

use crate::{
    access::{
        account::{self, Change, NewAccount},
        graphql::Role,
        link::{self, Link},
    },
    error::{Error, Result},
    graphql::{
        At, ContextExt, Described, Expected, Faults, Input, Mutated, PageOf, Paging, Scalar, UserError, global_id,
        mutate, named, paginate,
    },
};

/// Whether somebody can sign in to an account.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "account::AccountState")]
pub enum AccountState {
    /// It has no password yet: its owner has not used the link.
    Invited,
    /// Its owner can sign in.
    Active,
    /// It is shut out.
    Disabled,
    /// Its identity provider gives it no role here any more.
    Unvouched,
}

/// An account: somebody who may sign in, or was allowed to once.
pub struct Account(Model);

impl Account {
    /// This account.
    pub const fn new(account: Model) -> Self {
        Self(account)
    }
}

/// An account: somebody who may sign in, or was allowed to once.
#[Object]
impl Account {
    /// Its global id.
    pub async fn id(&self) -> ID {
        global_id(account::TYPE_NAME, self.0.id)
    }

    /// The address it signs in with.
    async fn email(&self) -> Scalar<Email> {
        Scalar(self.0.email.clone())
    }

    /// What it is to this Almanac.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// The locales of a translator; empty for every other role.
    async fn locales(&self) -> Result<Vec<Scalar<Locale>>> {
        let locales: Vec<Locale> = serde_json::from_value(self.0.locales.clone())?;
        Ok(locales.into_iter().map(Scalar).collect())
    }

    /// Whether somebody can sign in to it.
    async fn state(&self) -> AccountState {
        account::state(&self.0).into()
    }

    /// When its owner last signed in or refreshed a session, or sent a token of another provider, to the minute; null for
    /// never.
    async fn last_seen_at(&self) -> Option<At> {
        self.0.last_seen_at.map(Into::into)
    }

    /// When it was created.
    async fn created_at(&self) -> At {
        self.0.created_at.into()
    }

    /// Who vouches for it, when it signs in elsewhere; null when its password is here.
    async fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }
}

/// A link with which the owner of an account sets its password, once.
pub struct AccountLink(Link);

/// A link with which the owner of an account sets its password, once.
#[Object]
impl AccountLink {
    /// What `passwordSet` takes. It is shown this once.
    async fn token(&self) -> &str {
        &self.0.token
    }

    /// The address to hand to the owner of the account, with the token in its fragment.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// When it ends.
    async fn expires_at(&self) -> At {
        self.0.expires_at.into()
    }
}

/// Who is invited.
#[derive(InputObject)]
pub struct AccountInviteInput {
    /// The address that the account signs in with.
    email: Input<Email>,
    /// What it is to be to this Almanac.
    role: Role,
    /// The locales in which a translator may write, at least one; none for every other role.
    #[graphql(default)]
    locales: Vec<Input<Locale>>,
}

/// What to change of an account. What is left out stays.
#[derive(InputObject)]
pub struct AccountUpdateInput {
    /// The account.
    id: ID,
    /// What it is to be to this Almanac.
    role: MaybeUndefined<Role>,
    /// The locales in which a translator may write. Null or an empty list for none: whoever ceases to be a translator
    /// has none.
    locales: MaybeUndefined<Vec<Input<Locale>>>,
}

/// Which account.
#[derive(InputObject)]
pub struct AccountInput {
    /// The account.
    id: ID,
}

/// The outcome of a mutation of an account.
#[derive(SimpleObject)]
pub struct AccountPayload {
    /// The account after the mutation; null when nothing was done.
    account: Option<Account>,
    /// Why nothing was done; empty when it was.
    errors: Vec<UserError>,
}

impl From<Expected<Model>> for AccountPayload {
    fn from(outcome: Expected<Model>) -> Self {
        match outcome {
            Ok(account) => Self { account: Some(Account(account)), errors: Vec::new() },
            Err(errors) => Self { account: None, errors },
        }
    }
}

/// The outcome of a mutation that makes a link to set a password with.
#[derive(SimpleObject)]
pub struct AccountLinkPayload {
    /// The account; null when nothing was done.
    account: Option<Account>,
    /// The link; null when nothing was done.
    link: Option<AccountLink>,
    /// Why nothing was done; empty when it was.
    errors: Vec<UserError>,
}

impl From<Expected<(Model, Link)>> for AccountLinkPayload {
    fn from(outcome: Expected<(Model, Link)>) -> Self {
        match outcome {
            Ok((account, link)) => {
                Self { account: Some(Account(account)), link: Some(AccountLink(link)), errors: Vec::new() }
            }
            Err(errors) => Self { account: None, link: None, errors },
        }
    }
}

/// Queries about accounts.
#[derive(Default)]
pub struct AccountQuery;

#[Object]
impl AccountQuery {
    /// The accounts, by their e-mail addresses. For those who may manage people.
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from 0 to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
    ) -> Result<Described<PageOf<Account>>> {
        let administrator = ctx.editor().await?.administrator()?;
        let accounts = account::all(ctx.state().database().reader(), &administrator).await?;
        let accounts: OrdMap<Email, Model> =
            accounts.into_iter().map(|account| (account.email.clone(), account)).collect();
        let node = |account: &Model| Some(Account(account.clone()));
        let paging = Paging { first, after };
        paginate(ctx.state().keys(), "accounts".to_owned(), paging, &accounts, false, node).map(Described)
    }
}

/// Mutations of accounts.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Creates an account without a password, and a link with which its owner sets one within seven days. For those who
    /// may manage people; nobody makes an account that may do more than they do.
    async fn account_invite(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who is invited.")] input: AccountInviteInput,
    ) -> Result<Mutated<AccountLinkPayload>> {
        mutate(ctx, "accountInvite", async move |transaction, editor| {
            let administrator = editor.administrator()?;
            let mut faults = Faults::default();
            let email = faults.take(&["email"], input.email);
            let locales = faults.take_list(&["locales"], input.locales);
            faults.into_result()?;
            let email = email.ok_or_else(|| Error::invalid(["email"], Rule::Required))?;
            let new = NewAccount { email, role: input.role.into(), locales, password: None };
            link::invite(transaction, &administrator, new).await
        })
        .await
    }

    /// Makes a new link with which the owner of an account sets its password within seven days; the one before ends. Until
    /// the link is used, the password stays what it is. For those who may manage people.
    async fn account_link_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: AccountInput,
    ) -> Result<Mutated<AccountLinkPayload>> {
        mutate(ctx, "accountLinkCreate", async move |transaction, editor| {
            let administrator = editor.administrator()?;
            link::create(transaction, &administrator, named(&input.id, account::TYPE_NAME)?).await
        })
        .await
    }

    /// Changes what an account may do, at once. Nobody demotes themselves or the last administrator. For those who may
    /// manage people.
    async fn account_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: AccountUpdateInput,
    ) -> Result<Mutated<AccountPayload>> {
        mutate(ctx, "accountUpdate", async move |transaction, editor| {
            let administrator = editor.administrator()?;
            let id = named(&input.id, account::TYPE_NAME)?;
            let mut faults = Faults::default();
            if input.role.is_null() {
                faults.push(&["role"], Rule::Required);
            }
            let locales = match input.locales {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(Vec::new()),
                MaybeUndefined::Value(locales) => Some(faults.take_list(&["locales"], locales)),
            };
            faults.into_result()?;
            let change = Change { role: input.role.take().map(Into::into), locales };
            account::update(transaction, &administrator, id, change).await
        })
        .await
    }

    /// Shuts an account out, at once: its sessions and the link to set its password end, and its tokens count for nothing.
    /// Nobody shuts out themselves or the last administrator. For those who may manage people.
    async fn account_disable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: AccountInput,
    ) -> Result<Mutated<AccountPayload>> {
        mutate(ctx, "accountDisable", async move |transaction, editor| {
            let administrator = editor.administrator()?;
            account::disable(transaction, &administrator, named(&input.id, account::TYPE_NAME)?).await
        })
        .await
    }

    /// Lets an account in again, with the password that it had. Its sessions stay ended; its API tokens work again until
    /// they expire, unless they were revoked. For those who may manage people.
    async fn account_enable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: AccountInput,
    ) -> Result<Mutated<AccountPayload>> {
        mutate(ctx, "accountEnable", async move |transaction, editor| {
            let administrator = editor.administrator()?;
            account::enable(transaction, &administrator, named(&input.id, account::TYPE_NAME)?).await
        })
        .await
    }
}
