/** Whether granted scopes cover a wanted one: itself, or as its `:read` form. */
export const covers = (granted: ReadonlySet<string>, wanted: string): boolean =>
  granted.has(wanted) || (wanted.endsWith(':read') && granted.has(wanted.slice(0, -':read'.length)));
