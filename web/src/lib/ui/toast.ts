/** What is told in passing. */
export { toast } from 'svelte-sonner';
