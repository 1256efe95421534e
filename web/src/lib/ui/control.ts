/** How a control to type into or choose from looks. */
export const CONTROL =
  'min-h-9 w-full rounded-md border border-line-strong bg-surface px-3 text-text placeholder:text-muted ' +
  'disabled:opacity-60 aria-invalid:border-bad';
