"""Does CLIP see which attribute belongs to which object? Winoground- and SugarCrepe-form tests."""
