/** The words of the dashboard, in the language of whoever reads them. */

import i18next from 'i18next';

export const LANGUAGES = { en: 'English', fr: 'Français' } as const;
export type Language = keyof typeof LANGUAGES;

const REMEMBERED = 'ocore.language';

/** The language chosen, else the browser's first that there is. */
export function language(): Language {
  const chosen = localStorage.getItem(REMEMBERED);
  const wanted = [chosen, ...navigator.languages].map((tag) => tag?.slice(0, 2).toLowerCase());
  return wanted.find((tag): tag is Language => tag !== undefined && tag in LANGUAGES) ?? 'en';
}

/**
 * How times and amounts are written: as the browser's own variety of the language does, British or American, of Canada or of
 * France; else as the language does at large.
 */
export function locale(): string {
  const spoken = language();
  return navigator.languages.find((tag) => tag.slice(0, 2).toLowerCase() === spoken) ?? spoken;
}

/** Chooses a language: the page begins anew in it. */
export function speak(language: Language) {
  localStorage.setItem(REMEMBERED, language);
  location.reload();
}

/** The pages that need no other words than those loaded first. */
const FIRST = ['/', '/o/[org]'];

const words = {
  en: { first: () => import('./en/first.ts'), rest: () => import('./en/rest.ts') },
  fr: { first: () => import('./fr/first.ts'), rest: () => import('./fr/rest.ts') },
};
let first: Promise<void> | undefined;
let rest: Promise<void> | undefined;

/** Loads the words of a page, by its route. Before this nothing can be said. */
export async function learn(route: string | null): Promise<void> {
  first ??= begin().catch((error: unknown) => {
    first = undefined;
    throw error;
  });
  const both = [first];
  if (route === null || !FIRST.includes(route)) {
    rest ??= goOn().catch((error: unknown) => {
      rest = undefined;
      throw error;
    });
    both.push(rest);
  }
  await Promise.all(both);
}

async function begin() {
  const lng = language();
  document.documentElement.lang = lng;
  const { default: known } = await words[lng].first();
  await i18next.init({
    lng,
    resources: { [lng]: known },
    defaultNS: 'common',
    // Svelte escapes what it shows.
    interpolation: { escapeValue: false },
    returnNull: false,
  });
}

async function goOn() {
  const lng = language();
  const [{ default: known }] = await Promise.all([words[lng].rest(), first]);
  for (const [area, said] of Object.entries(known)) i18next.addResourceBundle(lng, area, said);
}

/** Says something: `t('servers:add')`, `t('common:of', { count: 3 })`. */
export const t = i18next.t;
