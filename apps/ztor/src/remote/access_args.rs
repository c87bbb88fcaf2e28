//! Flags of `ztor token`, `ztor password`, `ztor web` and `ztor tui`.

use clap::{Args, Subcommand};

use super::address::DaemonAddress;

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: Option<TokenCommand>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// List the tokens, without their secrets
    List,
    /// Add a token, and print it: it is not shown again
    Add {
        /// Name, such as that of the program that uses it
        name: String,
    },
    /// Remove a token; programs that use it are refused at once
    Remove {
        /// Name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WebArgs {
    /// Print the link instead. It logs in once, within five minutes
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct TuiArgs {
    /// Leave the mouse to the terminal, which then marks texts by it
    #[arg(long)]
    pub(crate) no_mouse: bool,
    /// Use no colours, as with the variable NO_COLOR
    #[arg(long)]
    pub(crate) no_color: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Change the user name as well
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Read the password from the first line of stdin instead of the terminal. With --remote and a present password,
    /// that one is the second line
    #[arg(long)]
    pub(crate) stdin: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}
