"""What free text outside the instruction language hints at: enough to hold back a wrong alarm.

A hint never accepts or names anything. It only tells that a moved frame, or lost or added texture,
may be what was asked for, so that the generic gates do not call it a fault.
"""

from __future__ import annotations

import re

_FRAME = re.compile(
    r"\b(zoom|crop|closer|rotat\w*|tilt\w*|flip\w*|mirror\w*|perspective|viewpoint|angle|camera"
    r"|shift\w*|pan|wider|move the (frame|view|camera))\b"
    r"|放大|缩小|拉近|拉远|旋转|倾斜|翻转|镜像|视角|镜头|裁剪|平移",
    re.IGNORECASE,
)
_TEXTURE = re.compile(
    r"\b(blur\w*|soft\w*|bokeh|fog\w*|mist\w*|haze|hazy|snow\w*|rain\w*|grain\w*|nois[ey]\w*|film"
    r"|vintage|sketch\w*|paint\w*|draw\w*|cartoon\w*|anime|comic|pixel\w*|mosaic|8-?bit|halftone"
    r"|style|poster|watercolou?r|texture|black background|darkness)\b"
    r"|模糊|虚化|雾|雪|雨|颗粒|噪点|胶片|复古|素描|油画|水彩|绘画|卡通|动漫|漫画|像素|马赛克|风格|海报|纹理|黑色背景",
    re.IGNORECASE,
)


def may_move_frame(text: str) -> bool:
    """Tell whether the text may ask for another view of the whole scene."""
    return bool(_FRAME.search(text))


def may_change_texture(text: str) -> bool:
    """Tell whether the text may ask for softness, grain or a drawn look."""
    return bool(_TEXTURE.search(text))
