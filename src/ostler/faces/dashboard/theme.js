// Light or dark: as chosen here before, else as the system has it. Runs before the first paint.
window.ostlerTheme = (wanted) => {
  const root = document.documentElement;
  if (wanted) localStorage.setItem("ostler-theme", wanted);
  const kept = localStorage.getItem("ostler-theme");
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "dark" : "light";
};
window.ostlerTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.ostlerTheme());
