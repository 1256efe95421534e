/** Light or dark. `app.html` does the same before anything is painted. */

const KEY = 'ocore.theme';
const SYSTEM = matchMedia('(prefers-color-scheme: dark)');

export type Choice = 'light' | 'dark' | 'system';

class Theme {
  choice = $state<Choice>((localStorage.getItem(KEY) as Choice | null) ?? 'system');
  #system = $state(SYSTEM.matches);

  constructor() {
    SYSTEM.addEventListener('change', () => {
      this.#system = SYSTEM.matches;
      this.#show();
    });
  }

  get dark(): boolean {
    return this.choice === 'system' ? this.#system : this.choice === 'dark';
  }

  choose(choice: Choice) {
    this.choice = choice;
    if (choice === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
    this.#show();
  }

  #show() {
    document.documentElement.classList.toggle('dark', this.dark);
  }
}

export const theme = new Theme();
