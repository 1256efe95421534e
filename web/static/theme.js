// Before anything is painted, so that nobody who reads in the dark is flashed at.
const chosen = localStorage.getItem('ocore.theme');
const dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
document.documentElement.classList.toggle('dark', dark);
