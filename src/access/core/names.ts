/** What programs and API clients may be called, and what a client's secret may look like. */

/** Names of programs; part of no URL, but of audit rows and the command line. */
export const PROGRAM_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Ids of API clients. Neither `%`, `+` nor `:` in it: the same in a form, in Basic and in a log. */
export const CLIENT_ID = /^[A-Za-z0-9._~-]{1,128}$/;
/** Printable ASCII without space and `%`: the same whether a client percent-encodes Basic credentials or not. */
export const CLIENT_SECRET = /^[\x21-\x24\x26-\x7e]{1,256}$/;
