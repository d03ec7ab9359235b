/** Patterns of wire fields, shared by all schemas. */

/** Ids that belong to the caller: pseudonymous, safe in a path. */
export const CALLER_ID = /^[A-Za-z0-9._~-]{1,128}$/;

/** One line of free text: no control characters, which break logs, CSV and terminals. */
// oxlint-disable-next-line no-control-regex -- control characters are what it refuses
export const ONE_LINE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;
