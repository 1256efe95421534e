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

/** Chooses a language: the page begins anew in it. */
export function speak(language: Language) {
  localStorage.setItem(REMEMBERED, language);
  location.reload();
}

/** Loads the words. Before this nothing can be said. */
export async function learn(): Promise<void> {
  const lng = language();
  document.documentElement.lang = lng;
  const words = lng === 'fr' ? await import('./fr') : await import('./en');
  await i18next.init({
    lng,
    resources: { [lng]: words.default },
    defaultNS: 'common',
    // Svelte escapes what it shows.
    interpolation: { escapeValue: false },
    returnNull: false,
  });
}

/** Says something: `t('servers:add')`, `t('common:of', { count: 3 })`. */
export const t = i18next.t;
