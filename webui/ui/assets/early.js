// Runs before anything is drawn: language and theme. Gradio takes its language from the
// navigator object and has no setting for it, so the chosen language is put there.
(() => {
  const data = JSON.parse(document.getElementById("ink-data").textContent);

  function stored(name) {
    try {
      return localStorage.getItem(`inkstone.${name}`);
    } catch {
      return null; // storage switched off in this browser
    }
  }

  function known(wanted) {
    if (!wanted) return undefined;
    const base = wanted.toLowerCase().split("-")[0];
    return (
      data.languages.find((code) => code.toLowerCase() === wanted.toLowerCase()) ||
      data.languages.find((code) => code.toLowerCase().split("-")[0] === base)
    );
  }

  const cookie = document.cookie.match(/(?:^|; )inkstone_lang=([^;]+)/);
  const wishes = [cookie && decodeURIComponent(cookie[1]), stored("language"), ...navigator.languages];
  const language = wishes.map(known).find(Boolean) || data.languages[0];
  Object.defineProperty(navigator, "language", { get: () => language, configurable: true });
  Object.defineProperty(navigator, "languages", { get: () => [language], configurable: true });

  const system = matchMedia("(prefers-color-scheme: dark)");
  function paint() {
    const chosen = stored("theme");
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }
  paint();
  system.addEventListener("change", paint);
  document.documentElement.lang = language;
  window.inkstone = { language, ...data, paint };
})();
