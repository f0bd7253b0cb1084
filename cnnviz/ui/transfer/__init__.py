"""The page of transfer learning: five networks compared, and a head for classes of one's own."""
