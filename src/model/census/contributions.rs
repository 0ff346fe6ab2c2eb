//! Who contributed, and where: the distinct counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::Timestamp;
use crate::model::ledger::{AccountNumber, Doc, Ledger, User};

/// The latest contribution of each account in each group: enough for every window at once.
pub(super) struct Contributions<'a> {
    ledger: &'a Ledger,
    moment: Timestamp,
    /// By group and account.
    latest: HashMap<(u32, AccountNumber), Timestamp>,
    /// By account: met as author or owner of a doc that is counted.
    met: Vec<bool>,
}

/// People; shown with its zeros even where there is nobody.
const PEOPLE: &str = "atlassian";
const UNKNOWN: &str = "unknown";

impl<'a> Contributions<'a> {
    pub(super) fn new(ledger: &'a Ledger, moment: Timestamp) -> Self {
        Self { ledger, moment, latest: HashMap::new(), met: vec![false; ledger.users.len()] }
    }

    /// A version counts with its author, the creation included.
    pub(super) fn add(&mut self, doc: &Doc, group: usize, horizon: Timestamp) {
        let group = u32::try_from(group).expect("there are no more groups than spaces");
        for account in [doc.author, doc.version_author, doc.owner] {
            self.meet(account);
        }
        if doc.created_at > horizon {
            self.contribute(group, doc.author, doc.created_at);
        }
        let moment = self.moment;
        for edit in doc.edits().filter(|edit| edit.at() <= moment).take_while(|edit| edit.at() > horizon) {
            self.meet(edit.author());
            self.contribute(group, edit.author(), edit.at());
        }
    }

    /// The accounts met, and what is known of them.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&User, usize)> {
        self.ledger.users.iter().zip(0..).filter(|(_, index)| self.met[*index])
    }

    /// Account types that get a row each: people always, others where there are some.
    pub(super) fn account_types(&self) -> BTreeSet<Arc<str>> {
        self.accounts().map(|(user, _)| account_type(user)).chain([Arc::from(PEOPLE)]).collect()
    }

    /// By group, then account type: distinct accounts in each window.
    pub(super) fn by_group(
        &self,
        starts: &[Timestamp],
        groups: usize,
        account_types: &BTreeSet<Arc<str>>,
    ) -> Vec<Vec<(Arc<str>, Vec<u64>)>> {
        let mut counts = vec![rows(account_types, starts); groups];
        for ((group, account), latest) in &self.latest {
            count(&mut counts[*group as usize], &self.type_of(*account), *latest, starts);
        }
        counts
    }

    /// By account type: distinct accounts of the whole site in each window.
    pub(super) fn of_site(
        &self,
        starts: &[Timestamp],
        account_types: &BTreeSet<Arc<str>>,
    ) -> Vec<(Arc<str>, Vec<u64>)> {
        let mut latest_of_site: HashMap<AccountNumber, Timestamp> = HashMap::new();
        for ((_, account), latest) in &self.latest {
            let known = latest_of_site.entry(*account).or_insert(*latest);
            *known = (*known).max(*latest);
        }
        let mut counts = rows(account_types, starts);
        for (account, latest) in latest_of_site {
            count(&mut counts, &self.type_of(account), latest, starts);
        }
        counts
    }

    /// By account status and account type.
    pub(super) fn count_users(&self) -> BTreeMap<(Arc<str>, Arc<str>), u64> {
        let mut counts = BTreeMap::new();
        for (user, _) in self.accounts() {
            let status = user.status.clone().unwrap_or_else(|| UNKNOWN.into());
            *counts.entry((status, account_type(user))).or_default() += 1;
        }
        counts
    }

    fn meet(&mut self, account: AccountNumber) {
        if let Some(index) = account.index() {
            self.met[index] = true;
        }
    }

    fn contribute(&mut self, group: u32, account: AccountNumber, at: Timestamp) {
        if account != AccountNumber::NOBODY {
            let latest = self.latest.entry((group, account)).or_insert(at);
            *latest = (*latest).max(at);
        }
    }

    fn type_of(&self, account: AccountNumber) -> Arc<str> {
        self.ledger.user(account).map_or_else(|| UNKNOWN.into(), account_type)
    }
}

fn account_type(user: &User) -> Arc<str> {
    user.account_type.clone().unwrap_or_else(|| UNKNOWN.into())
}

fn rows(account_types: &BTreeSet<Arc<str>>, starts: &[Timestamp]) -> Vec<(Arc<str>, Vec<u64>)> {
    account_types.iter().map(|account_type| (account_type.clone(), vec![0; starts.len()])).collect()
}

fn count(rows: &mut [(Arc<str>, Vec<u64>)], account_type: &str, latest: Timestamp, starts: &[Timestamp]) {
    if let Some((_, sums)) = rows.iter_mut().find(|(row, _)| &**row == account_type) {
        for (start, sum) in starts.iter().zip(sums) {
            *sum += u64::from(latest > *start);
        }
    }
}
