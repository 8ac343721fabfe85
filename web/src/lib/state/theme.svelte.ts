export type Theme = "system" | "light" | "dark";

const key = "gatepass:theme";
const order: Theme[] = ["system", "light", "dark"];

/** Light or dark: as the system says unless the user chose. `public/theme.js` applies the choice before the first paint. */
class ThemeChoice {
  current = $state<Theme>(read());

  next(): void {
    this.current = order[(order.indexOf(this.current) + 1) % order.length] ?? "system";
    const root = document.documentElement;
    try {
      if (this.current === "system") localStorage.removeItem(key);
      else localStorage.setItem(key, this.current);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    if (this.current === "system") delete root.dataset.theme;
    else root.dataset.theme = this.current;
  }
}

function read(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

export const theme = new ThemeChoice();
