/** Environment variables as they are edited. What is there already has a value that nobody is shown. */

export interface Variable {
  name: string;
  value: string;
  /** It is there already. */
  known: boolean;
  /** What becomes of it. One that is new is always set. */
  what: 'keep' | 'set' | 'remove';
}

export function fresh(): Variable {
  return { name: '', value: '', known: false, what: 'set' };
}

/** Those of an instance, in order of their names. */
export function variablesOf(envVars: Record<string, string | null>): Variable[] {
  return Object.keys(envVars)
    .sort()
    .map((name) => ({ name, value: '', known: true, what: 'keep' }));
}

/** Those that count: a new line in which nothing was typed does not. */
function meant(variables: Variable[]): Variable[] {
  return variables.filter((of) => of.known || of.name.trim() !== '' || of.value !== '');
}

/** All for a creation. */
export function forCreation(variables: Variable[]): Record<string, string> {
  return Object.fromEntries(meant(variables).map((of) => [of.name.trim(), of.value]));
}

/** All for a change: null keeps a value, and what is left out is removed. Undefined when nothing changes. */
export function forChange(variables: Variable[]): Record<string, string | null> | undefined {
  const all = meant(variables);
  if (all.every((of) => of.what === 'keep')) return undefined;
  return Object.fromEntries(
    all
      .filter((of) => of.what !== 'remove')
      .map((of) => [of.name.trim(), of.what === 'keep' ? null : of.value]),
  );
}

const RESERVED = ['HOST', 'PORT', 'USER', 'PASSWORD', 'ODOO_RC', 'HOME', 'PATH'];

/** What is wrong with a name, if anything; the API refuses the same. */
export function nameFault(of: Variable, all: Variable[]): 'name' | 'reserved' | 'twice' | undefined {
  const name = of.name.trim();
  if (of.known || (name === '' && of.value === '')) return undefined;
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,199}$/.test(name)) return 'name';
  if (RESERVED.includes(name) || name.startsWith('PG')) return 'reserved';
  return all.some((other) => other !== of && other.name.trim() === name) ? 'twice' : undefined;
}
