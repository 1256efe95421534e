/** What shows what is told in passing, once it was wanted. */
class Shown {
  by = $state.raw<typeof import('svelte-sonner').Toaster>();

  async load() {
    const sonner = await import('svelte-sonner');
    this.by = sonner.Toaster;
    return sonner;
  }
}

export const toaster = new Shown();
