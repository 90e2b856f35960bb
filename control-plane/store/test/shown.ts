/** Says in the report of a test what it has shown, for who runs it with numbers of their own. */
export function show(task: { readonly meta: object }, what: string): void {
  Object.assign(task.meta, { shown: what });
}
